// What operations on a map of a single channel share.
#pragma once

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

/// `Self::compute` is given a row's input, the step from one of its pixels to the next, and the output.
template <typename Self>
struct SingleChannel {
  static constexpr Runs kRuns = Runs::pixel_by_pixel;

  int input = kNone;
  int output = kNone;

  static Self parse(const Json& json, Parser& parser) {
    Self op;
    op.input = parser.read_single_channel(json, "input");
    op.output = parser.write(json.at("output"), 1, parser.value(op.input).level);
    return op;
  }
  std::vector<Read> reads() const { return {{input, Reach::same()}}; }
  std::vector<Write> writes() const { return {{output, kSingleLane}}; }

  void run(const PixelCall& call) const {
    const FloatMap from_map = call.map(input), to_map = call.map(output);
    call.for_spans_of_rows([&](int y, int begin, int end) {
      const float* from = from_map.at(0, y, begin);
      float* to = to_map.at(0, y, begin);
      Self::compute(call, from, from_map.layout.lanes, to, end - begin);
    });
  }
};

}  // namespace dim::cpu
