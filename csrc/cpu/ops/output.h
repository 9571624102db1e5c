// The network's output: alpha, which the runner takes from its map.
#pragma once

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Output {
  static constexpr const char* kName = "output";
  static constexpr Runs kRuns = Runs::outside;

  int input = kNone;

  static Output parse(const Json& json, Parser& parser) {
    const int input = parser.read_single_channel(json, "input");
    if (parser.value(input).level != 0) Parser::fail(json, "expected a map of the input's size");
    return {input};
  }
  std::vector<Read> reads() const { return {{input, Reach::same()}}; }
  std::vector<Write> writes() const { return {}; }
};

}  // namespace dim::cpu
