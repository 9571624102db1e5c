// Logits to 0..1.
#pragma once

#include <cmath>

#include "cpu/ops/single_channel.h"

namespace dim::cpu {

struct Sigmoid : SingleChannel<Sigmoid> {
  static constexpr const char* kName = "sigmoid";

  static float of(float v) { return 1.0f / (1.0f + std::exp(-v)); }
};

}  // namespace dim::cpu
