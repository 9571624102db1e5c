// 2×2 max pooling with argmax codes: which of the window won, the first maximum in row-major order.
#pragma once

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct MaxPoolArgmax {
  static constexpr const char* kName = "max_pool_argmax";
  static constexpr Runs kRuns = Runs::with_conv;

  int input = kNone;
  int output = kNone;
  int codes = kNone;

  static MaxPoolArgmax parse(const Json& json, Parser& parser) {
    MaxPoolArgmax pool;
    pool.input = parser.read_floats_or_quantized(json.at("input"));
    const Value in = parser.value(pool.input);
    if (parser.stride() % (2 << in.level) != 0)
      Parser::fail(json, "pools more often than the padded size can be halved");
    pool.output = parser.write_floats_or_quantized(json, in.channels, in.level + 1);
    pool.codes = parser.write(json.at("codes"), in.channels, in.level + 1, Element::argmax_code);
    return pool;
  }
  std::vector<Read> reads() const { return {{input, Reach::window(), kLanes, 0, true}}; }
  std::vector<Write> writes() const { return {{output}, {codes}}; }
};

}  // namespace dim::cpu
