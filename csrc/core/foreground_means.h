// The colors that core/foreground begins with: the means of both layers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "core/foreground.h"
#include "core/foreground_strips.h"

namespace dim::foreground {

inline constexpr float kSureForeground = 0.9f;  // pixels above it make the first guess of the foreground's color
inline constexpr float kSureBackground = 0.1f;

using Colors = std::array<float, 2 * kChannels>;

/// Weighted sums over a row or the picture: colors and weight of foreground and background.
struct Sums {
  std::array<double, 2 * kChannels> colors{};
  std::array<double, 2> weight{};

  void add(const Sums& other) {
    for (std::size_t i = 0; i < colors.size(); ++i) colors[i] += other.colors[i];
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] += other.weight[i];
  }
};

using Weigh = std::array<double, 2> (*)(float alpha);
inline std::array<double, 2> sure(float alpha) {
  return {alpha > kSureForeground ? 1.0 : 0.0, alpha < kSureBackground ? 1.0 : 0.0};
}
inline std::array<double, 2> by_alpha(float alpha) { return {alpha, 1 - alpha}; }
inline std::array<double, 2> all(float) { return {1.0, 1.0}; }

/// Summed row by row, so that threads change nothing.
template <Weigh weigh, typename T>
Sums sum_colors(const ForegroundTask<T>& task, ThreadPool& pool) {
  std::vector<Sums> rows(static_cast<std::size_t>(task.size.height));
  pool.run(task.size.height, [&](int y, int) {
    Sums sums;
    const std::size_t first = static_cast<std::size_t>(y) * static_cast<std::size_t>(task.size.width);
    for (std::size_t i = first; i < first + static_cast<std::size_t>(task.size.width); ++i) {
      const std::array<double, 2> weight = weigh(task.alpha[i]);
      for (std::size_t layer = 0; layer < 2; ++layer) {
        if (!(weight[layer] > 0)) continue;
        for (std::size_t c = 0; c < kChannels; ++c)
          sums.colors[layer * kChannels + c] += weight[layer] * to_unit(task.image[kChannels * i + c]);
        sums.weight[layer] += weight[layer];
      }
    }
    rows[static_cast<std::size_t>(y)] = sums;
  });
  Sums total;
  for (const Sums& row : rows) total.add(row);
  return total;
}

/// Mean colors of what is surely foreground and surely background; where no pixel is, of all weighted by alpha, and
/// where alpha is 0 (or 1) everywhere, of the picture.
template <typename T>
Colors mean_colors(const ForegroundTask<T>& task, ThreadPool& pool) {
  Sums total = sum_colors<sure>(task, pool);
  for (const auto sum : {&sum_colors<by_alpha, T>, &sum_colors<all, T>}) {
    const std::array<bool, 2> has = {total.weight[0] > 0, total.weight[1] > 0};
    if (has[0] && has[1]) break;
    const Sums wider = sum(task, pool);
    for (std::size_t layer = 0; layer < 2; ++layer) {
      if (has[layer]) continue;
      total.weight[layer] = wider.weight[layer];
      std::copy_n(wider.colors.data() + layer * kChannels, kChannels, total.colors.data() + layer * kChannels);
    }
  }
  Colors mean;
  for (std::size_t i = 0; i < mean.size(); ++i)
    mean[i] = static_cast<float>(total.colors[i] / total.weight[i / kChannels]);
  return mean;
}

}  // namespace dim::foreground
