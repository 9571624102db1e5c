// The element function of 2x2 max pooling with argmax codes.
#pragma once

#include "cuda/types.h"

namespace dim::cuda {

/// The largest of four values in row-major order, and which one it was.
template <typename T>
struct WindowMax {
  T value;
  int code;
};

/// The first maximum; of several NaN the last. Both as in PyTorch.
template <typename T>
DIM_HD WindowMax<T> max_of_window(T v0, T v1, T v2, T v3) {
  const T values[4] = {v0, v1, v2, v3};
  WindowMax<T> best = {v0, 0};
  for (int i = 1; i < 4; ++i) {
    const float v = to_float(values[i]);
    if (v > to_float(best.value) || v != v) best = {values[i], i};
  }
  return best;
}

}  // namespace dim::cuda
