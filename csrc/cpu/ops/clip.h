// Cuts off what lies outside of 0..1.
#pragma once

#include <cmath>

#include "cpu/ops/single_channel.h"

namespace dim::cpu {

struct Clip : SingleChannel<Clip> {
  static constexpr const char* kName = "clip";

  static float of(float v) { return std::fmin(std::fmax(v, 0.0f), 1.0f); }
};

}  // namespace dim::cpu
