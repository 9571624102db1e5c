// The sum of two maps of a single channel.
#pragma once

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Add {
  static constexpr const char* kName = "add";
  static constexpr Runs kRuns = Runs::pixel_by_pixel;

  int left = kNone;
  int right = kNone;
  int output = kNone;

  static Add parse(const Json& json, Parser& parser) {
    Add add;
    add.left = parser.read_single_channel(json, "input");
    add.right = parser.read_single_channel(json, "other");
    const int level = parser.value(add.left).level;
    if (parser.value(add.right).level != level) Parser::fail(json, "the inputs have different sizes");
    add.output = parser.write(json.at("output"), 1, level);
    return add;
  }
  std::vector<Read> reads() const { return {{left, Reach::same()}, {right, Reach::same()}}; }
  std::vector<Write> writes() const { return {{output, kSingleLane}}; }

  void run(const PixelCall& call) const {
    const FloatMap left_map = call.map(left), right_map = call.map(right), to_map = call.map(output);
    call.for_spans_of_rows([&](int y, int begin, int end) {
      const float* a = left_map.at(0, y, begin);
      const float* b = right_map.at(0, y, begin);
      float* to = to_map.at(0, y, begin);
      for (int x = 0; x < end - begin; ++x) to[x] = a[x * left_map.layout.lanes] + b[x * right_map.layout.lanes];
    });
  }
};

}  // namespace dim::cpu
