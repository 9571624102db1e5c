// Cuts off what lies outside of 0..1.
#pragma once

#include <cmath>

#include "cpu/ops/single_channel.h"

namespace dim::cpu {

struct Clip : SingleChannel<Clip> {
  static constexpr const char* kName = "clip";

  static void compute(const PixelCall& /*call*/, const float* from, int step, float* to, int pixels) {
    for (int x = 0; x < pixels; ++x) to[x] = std::fmin(std::fmax(from[x * step], 0.0f), 1.0f);
  }
};

}  // namespace dim::cpu
