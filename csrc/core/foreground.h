// The colors of foreground and background under a matte: Germer, Uelwer, Conrad, Harmeling, "Fast Multi-Level
// Foreground Estimation" (ICPR 2020, arXiv 2006.14970).
#pragma once

#include <cstdint>

#include "base/size.h"

namespace dim {

class ThreadPool;

/// The paper's parameters. Levels whose sides are at most `small_size` get more iterations. Large levels get 4 instead
/// of the paper's 2: rows that are computed side by side pass colors on more slowly than one pixel after the other.
struct ForegroundOptions {
  float regularization = 1e-5f;
  float gradient_weight = 1.0f;
  int small_size = 32;
  int small_iterations = 10;
  int large_iterations = 4;
};

/// A picture, its matte, and where the colors go. Rows follow each other without gaps.
template <typename T>
struct ForegroundTask {
  const T* image = nullptr;      // H×W×3, uint8 or float in 0..1
  const float* alpha = nullptr;  // H×W in 0..1
  Size size;
  T* foreground = nullptr;  // H×W×3 as the image
  T* background = nullptr;  // H×W×3 as the image
};

/// Writes foreground and background everywhere, also where alpha says nothing about them. Where alpha is exactly 1 the
/// foreground is the image itself, where it is exactly 0 the background is. The number of threads changes no bit. Large
/// levels are computed only around mixed pixels: that changes none of these, and elsewhere colors of the level before
/// stay.
template <typename T>
void estimate_foreground(const ForegroundTask<T>& task, const ForegroundOptions& options, ThreadPool& pool);

/// The same on threads of its own, at most so many.
template <typename T>
void estimate_foreground(const ForegroundTask<T>& task, const ForegroundOptions& options, int threads);

extern template void estimate_foreground(const ForegroundTask<float>&, const ForegroundOptions&, ThreadPool&);
extern template void estimate_foreground(const ForegroundTask<std::uint8_t>&, const ForegroundOptions&, ThreadPool&);
extern template void estimate_foreground(const ForegroundTask<float>&, const ForegroundOptions&, int);
extern template void estimate_foreground(const ForegroundTask<std::uint8_t>&, const ForegroundOptions&, int);

}  // namespace dim
