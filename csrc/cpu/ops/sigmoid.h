// Logits to 0..1.
#pragma once

#include "cpu/ops/single_channel.h"

namespace dim::cpu {

struct Sigmoid : SingleChannel<Sigmoid> {
  static constexpr const char* kName = "sigmoid";

  static void compute(const PixelCall& call, const float* from, int step, float* to, int pixels) {
    call.kernels.floats->sigmoid({from, step, to, pixels});
  }
};

}  // namespace dim::cpu
