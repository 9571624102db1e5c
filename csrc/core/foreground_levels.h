// The resolutions that core/foreground works through, and what each holds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/foreground.h"
#include "core/image.h"

namespace dim::foreground {

inline constexpr int kChannels = 3;

/// Planes of float with a pixel of border left and right of each row, so that every pixel has two neighbours in its
/// row. Not initialised: the thread that first writes a row places it in memory.
class Planes {
 public:
  Planes() = default;
  Planes(Size size, int planes)
      : size_(size),
        stride_(static_cast<std::size_t>(size.width) + 2),
        data_(new float[static_cast<std::size_t>(planes) * static_cast<std::size_t>(size.height) * stride_]) {}

  Size size() const { return size_; }
  /// The first pixel of a row; [-1] and [width] are its border.
  float* row(int plane, int y) const {
    const auto index = static_cast<std::size_t>(plane) * static_cast<std::size_t>(size_.height);
    return data_.get() + (index + static_cast<std::size_t>(y)) * stride_ + 1;
  }
  void close_row(int plane, int y) const {
    float* values = row(plane, y);
    values[-1] = values[0];
    values[size_.width] = values[size_.width - 1];
  }

 private:
  Size size_;
  std::size_t stride_ = 0;
  std::unique_ptr<float[]> data_;
};

/// One resolution. Planes 0 to 2 of `colours` are the foreground's, 3 to 5 the background's.
struct Level {
  explicit Level(Size size) : image(size, kChannels), alpha(size, 1), colours(size, 2 * kChannels) {}

  Planes image, alpha, colours;
};

/// Which of `from` pixels the nearest neighbour is, for each of `to` pixels.
inline std::vector<int> nearest(int to, int from) {
  std::vector<int> index(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i)
    index[static_cast<std::size_t>(i)] = static_cast<int>(static_cast<std::int64_t>(i) * from / to);
  return index;
}

/// Sizes grow geometrically from one pixel to the picture (the paper's section III).
inline std::vector<Size> level_sizes(Size size) {
  const int steps = std::max(1, static_cast<int>(std::ceil(std::log2(std::max(size.height, size.width)))));
  std::vector<Size> sizes;
  for (int i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / steps;
    sizes.push_back({static_cast<int>(std::lround(std::pow(size.height, part))),
                     static_cast<int>(std::lround(std::pow(size.width, part)))});
  }
  sizes.back() = size;
  return sizes;
}

inline float to_unit(float value) { return value; }
inline float to_unit(std::uint8_t value) { return static_cast<float>(value) * (1.0f / 255.0f); }

/// The picture and its matte at a level, by nearest neighbour.
template <typename T>
void sample_row(const ForegroundTask<T>& task, int from_y, const std::vector<int>& from_x, const Level& level, int y) {
  const std::size_t first = static_cast<std::size_t>(from_y) * static_cast<std::size_t>(task.size.width);
  float* alpha = level.alpha.row(0, y);
  for (std::size_t x = 0; x < from_x.size(); ++x) alpha[x] = task.alpha[first + static_cast<std::size_t>(from_x[x])];
  level.alpha.close_row(0, y);
  for (int c = 0; c < kChannels; ++c) {
    const T* row = task.image + kChannels * first + c;
    float* out = level.image.row(c, y);
    for (std::size_t x = 0; x < from_x.size(); ++x) out[x] = to_unit(row[kChannels * from_x[x]]);
  }
}

/// The next level, which starts with the colours of the one before it.
template <typename T>
Level next_level(const ForegroundTask<T>& task, const Planes& previous, Size size, int threads) {
  Level level(size);
  const std::vector<int> task_y = nearest(size.height, task.size.height), task_x = nearest(size.width, task.size.width);
  const std::vector<int> previous_y = nearest(size.height, previous.size().height);
  const std::vector<int> previous_x = nearest(size.width, previous.size().width);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int y = 0; y < size.height; ++y) {
    sample_row(task, task_y[static_cast<std::size_t>(y)], task_x, level, y);
    for (int plane = 0; plane < 2 * kChannels; ++plane) {
      const float* from = previous.row(plane, previous_y[static_cast<std::size_t>(y)]);
      float* to = level.colours.row(plane, y);
      for (std::size_t x = 0; x < previous_x.size(); ++x) to[x] = from[previous_x[x]];
      level.colours.close_row(plane, y);
    }
  }
  return level;
}

}  // namespace dim::foreground
