// The resolutions that core/foreground works through, and the strips of rows they are cut into.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/size.h"
#include "core/foreground.h"
#include "core/region.h"

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

/// Rows of one resolution. Planes 0 to 2 of `colors` are the foreground's, 3 to 5 the background's.
struct Strip {
  Strip(int max_rows, Size level_size)
      : level(level_size),
        image({max_rows, level.width}, kChannels),
        alpha({max_rows, level.width}, 1),
        colors({max_rows, level.width}, 2 * kChannels) {}

  Size level;
  int top = 0;   // the level's row that is row 0 here
  int rows = 0;  // of the planes' rows, how many are used
  Planes image, alpha, colors;
};

/// Which of `from` pixels the nearest neighbour is, for each of `to` pixels.
inline std::vector<int> nearest(int to, int from) {
  std::vector<int> index(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i)
    index[static_cast<std::size_t>(i)] = static_cast<int>(static_cast<std::int64_t>(i) * from / to);
  return index;
}

/// Sizes grow geometrically from one pixel to the picture.
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

/// The picture and its matte at row `y` of a strip, by nearest neighbour.
template <typename T>
void sample_row(const ForegroundTask<T>& task, int from_y, const std::vector<int>& from_x, const Strip& strip, int y) {
  const std::size_t first = static_cast<std::size_t>(from_y) * static_cast<std::size_t>(task.size.width);
  float* alpha = strip.alpha.row(0, y);
  for (std::size_t x = 0; x < from_x.size(); ++x) alpha[x] = task.alpha[first + static_cast<std::size_t>(from_x[x])];
  strip.alpha.close_row(0, y);
  for (int c = 0; c < kChannels; ++c) {
    const T* row = task.image + kChannels * first + c;
    float* out = strip.image.row(c, y);
    for (std::size_t x = 0; x < from_x.size(); ++x) out[x] = to_unit(row[kChannels * from_x[x]]);
  }
}

/// Where the pixels of a level come from: the picture, and the level before.
struct Sources {
  Sources(Size level, Size picture, Size previous)
      : picture_y(nearest(level.height, picture.height)),
        picture_x(nearest(level.width, picture.width)),
        previous_y(nearest(level.height, previous.height)),
        previous_x(nearest(level.width, previous.width)) {}

  std::vector<int> picture_y, picture_x, previous_y, previous_x;
};

/// Rows [begin, end) of a level, which start with the colors of the level before, and where alpha is 0 or 1 with the
/// picture's.
template <typename T>
void load_strip(const ForegroundTask<T>& task, const Planes& previous, const Sources& from, int begin, int end,
                Strip* strip) {
  strip->top = begin;
  strip->rows = end - begin;
  for (int y = 0; y < strip->rows; ++y) {
    const auto level_y = static_cast<std::size_t>(begin + y);
    sample_row(task, from.picture_y[level_y], from.picture_x, *strip, y);
    const float* alpha = strip->alpha.row(0, y);
    for (int plane = 0; plane < 2 * kChannels; ++plane) {
      const float* old = previous.row(plane, from.previous_y[level_y]);
      const float* image = strip->image.row(plane % kChannels, y);
      const float pure = plane < kChannels ? 1.0f : 0.0f;
      float* to = strip->colors.row(plane, y);
      for (std::size_t x = 0; x < from.previous_x.size(); ++x)
        to[x] = alpha[x] == pure ? image[x] : old[from.previous_x[x]];
      strip->colors.close_row(plane, y);
    }
  }
}

inline constexpr int kBlock = 8;

/// For each block of rows of a strip, in which columns blocks hold mixed pixels or an edge between known ones, with
/// some pixels around. Elsewhere one layer is the picture, the other invisible, and nothing there reaches a mixed
/// pixel.
class MixedSpans {
 public:
  MixedSpans(int max_rows, int width)
      : width_(width),
        blocks_{blocks(max_rows), blocks(width)},
        wanted_(blocks_.area()),
        spans_(static_cast<std::size_t>(blocks_.height)) {
    for (std::vector<Span>& row : spans_) row.reserve(static_cast<std::size_t>(blocks_.width));
  }

  const std::vector<Span>& of_row(int y) const { return spans_[static_cast<std::size_t>(y / kBlock)]; }

  /// Takes `reach` pixels around. Does not allocate.
  void find(const Strip& strip, int reach) {
    std::fill(wanted_.begin(), wanted_.end(), char{0});
    const int around = blocks(reach);
    for (int y = 0; y < strip.rows; ++y)
      for (int block_x = 0; block_x < blocks_.width; ++block_x)
        if (is_mixed(strip, y, block_x)) want(y / kBlock, block_x, around);
    for (std::vector<Span>& row : spans_) row.clear();
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i] == 0) continue;
      std::vector<Span>& row = spans_[i / static_cast<std::size_t>(blocks_.width)];
      const int begin = static_cast<int>(i % static_cast<std::size_t>(blocks_.width)) * kBlock;
      if (row.empty() || row.back().end != begin) row.push_back({begin, begin});
      row.back().end = std::min(width_, begin + kBlock);
    }
  }

 private:
  static int blocks(int pixels) { return (pixels + kBlock - 1) / kBlock; }

  bool is_mixed(const Strip& strip, int y, int block_x) const {
    const float *here = strip.alpha.row(0, y), *above = strip.alpha.row(0, std::max(y - 1, 0));
    bool mixed = false;
    for (int x = block_x * kBlock; x < std::min(width_, (block_x + 1) * kBlock); ++x)
      mixed |= (here[x] > 0.0f && here[x] < 1.0f) || here[x] != here[x - 1] || here[x] != above[x];
    return mixed;
  }

  void want(int block_y, int block_x, int around) {
    const int left = std::max(0, block_x - around), right = std::min(blocks_.width, block_x + around + 1);
    for (int v = std::max(0, block_y - around); v < std::min(blocks_.height, block_y + around + 1); ++v)
      std::fill_n(wanted_.begin() + static_cast<std::ptrdiff_t>(v) * blocks_.width + left, right - left, char{1});
  }

  int width_;
  Size blocks_;
  std::vector<char> wanted_;
  std::vector<std::vector<Span>> spans_;
};

}  // namespace dim::foreground
