// Cuts off what lies outside of 0..1.
#pragma once

#include <cmath>

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"
#include "cpu/ops/single_channel.h"

namespace dim::cpu {

struct Clip {
  static constexpr const char* kName = "clip";
  static constexpr Runs kRuns = Runs::pixel_by_pixel;

  int input = kNone;
  int output = kNone;

  static Clip parse(const Json& json, Parser& parser) {
    const int input = parser.read_single_channel(json, "input");
    return {input, parser.write(json.at("output"), 1, parser.value(input).level)};
  }
  std::vector<Read> reads() const { return {{input, Reach::same()}}; }
  std::vector<Write> writes() const { return {{output, kSingleLane}}; }

  void run(const PixelCall& call) const {
    run_single_channel(call, output, input, [](float v) { return std::fmin(std::fmax(v, 0.0f), 1.0f); });
  }
};

}  // namespace dim::cpu
