// The element function of unpooling with argmax codes.
#pragma once

#include "cuda/types.h"

namespace dim::cuda {

/// What stands at place `2 * (y & 1) + (x & 1)` of a 2x2 window.
template <typename T>
DIM_HD T unpooled(T value, T code, int place) {
  return to_float(code) == static_cast<float>(place) ? value : T{};
}

}  // namespace dim::cuda
