// The strips of rows that core/foreground cuts a level into, and which of their pixels it computes.
#pragma once

#include <algorithm>
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
  /// Gives the border its values, where the span reaches it.
  void close_row(int plane, int y, Span span) const {
    float* values = row(plane, y);
    if (span.begin == 0) values[-1] = values[0];
    if (span.end == size_.width) values[size_.width] = values[size_.width - 1];
  }

 private:
  Size size_;
  std::size_t stride_ = 0;
  std::unique_ptr<float[]> data_;
};

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

  /// In the first `rows` of a strip's alpha, with `reach` pixels around. Does not allocate.
  void find(const Planes& alpha, int rows, int reach) {
    std::fill(wanted_.begin(), wanted_.end(), char{0});
    const int around = blocks(reach);
    for (int y = 0; y < rows; ++y)
      for (int block_x = 0; block_x < blocks_.width; ++block_x)
        if (is_mixed(alpha, y, block_x)) want(y / kBlock, block_x, around);
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

  bool is_mixed(const Planes& alpha, int y, int block_x) const {
    const float *here = alpha.row(0, y), *above = alpha.row(0, std::max(y - 1, 0));
    const int begin = block_x * kBlock, end = std::min(width_, begin + kBlock);
    int mixed = 0;
#pragma omp simd reduction(| : mixed)
    for (int x = begin; x < end; ++x)
      mixed |= ((here[x] > 0.0f) & (here[x] < 1.0f)) | (here[x] != here[x - 1]) | (here[x] != above[x]);
    return mixed != 0;
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

/// Rows of one resolution. Planes 0 to 2 of `colors` are the foreground's, 3 to 5 the background's. Alpha is there
/// everywhere, image and colors in the mixed spans and a pixel around them.
struct Strip {
  Strip(int max_rows, Size level_size)
      : level(level_size),
        image({max_rows, level.width}, kChannels),
        alpha({max_rows, level.width}, 1),
        colors({max_rows, level.width}, 2 * kChannels),
        mixed(max_rows, level.width) {}

  Size level;
  int top = 0;   // the level's row that is row 0 here
  int rows = 0;  // of the planes' rows, how many are used
  Planes image, alpha, colors;
  MixedSpans mixed;
};

/// Which of `from` pixels the nearest neighbour is, for each of `to` pixels.
inline std::vector<int> nearest(int to, int from) {
  std::vector<int> index(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i)
    index[static_cast<std::size_t>(i)] = static_cast<int>(static_cast<std::int64_t>(i) * from / to);
  return index;
}

inline float to_unit(float value) { return value; }
inline float to_unit(std::uint8_t value) { return static_cast<float>(value) * (1.0f / 255.0f); }

/// Where the pixels of a level come from, by nearest neighbour: the picture and its matte, and the colors of the level
/// before.
template <typename T>
class Sources {
 public:
  Sources(const ForegroundTask<T>& task, const Planes& previous, Size level)
      : task_(task),
        previous_(previous),
        picture_y_(nearest(level.height, task.size.height)),
        picture_x_(nearest(level.width, task.size.width)),
        previous_y_(nearest(level.height, previous.size().height)),
        previous_x_(nearest(level.width, previous.size().width)) {}

  /// Row `y` of the level in the picture: three values a pixel.
  const T* picture(int y) const { return task_.image + kChannels * first(y); }
  std::size_t picture_x(int x) const { return static_cast<std::size_t>(picture_x_[static_cast<std::size_t>(x)]); }
  const float* previous(int plane, int y) const {
    return previous_.row(plane, previous_y_[static_cast<std::size_t>(y)]);
  }
  std::size_t previous_x(int x) const { return static_cast<std::size_t>(previous_x_[static_cast<std::size_t>(x)]); }

  /// Rows [begin, end) of the level, which start with the colors of the level before, and where alpha is 0 or 1 with
  /// the picture's. `reach`: how far what is computed looks.
  void load(int begin, int end, int reach, Strip* strip) const {
    strip->top = begin;
    strip->rows = end - begin;
    for (int y = 0; y < strip->rows; ++y) load_alpha(*strip, y);
    strip->mixed.find(strip->alpha, strip->rows, reach);
    for (int block = 0; block < strip->rows; block += kBlock)
      for (const Span span : strip->mixed.of_row(block)) {
        const Span wide = {std::max(0, span.begin - 1), std::min(strip->level.width, span.end + 1)};
        for (int y = std::max(0, block - 1); y < std::min(strip->rows, block + kBlock + 1); ++y)
          load_colors(*strip, y, wide);
      }
  }

 private:
  std::size_t first(int y) const {
    return static_cast<std::size_t>(picture_y_[static_cast<std::size_t>(y)]) *
           static_cast<std::size_t>(task_.size.width);
  }

  void load_alpha(const Strip& strip, int y) const {
    const float* from = task_.alpha + first(strip.top + y);
    float* to = strip.alpha.row(0, y);
    if (strip.level.width == task_.size.width)
      std::copy_n(from, strip.level.width, to);
    else
      for (int x = 0; x < strip.level.width; ++x) to[x] = from[picture_x(x)];
    strip.alpha.close_row(0, y, {0, strip.level.width});
  }

  void load_colors(const Strip& strip, int y, Span span) const {
    const float* alpha = strip.alpha.row(0, y);
    const T* pixels = picture(strip.top + y);
    for (int c = 0; c < kChannels; ++c) {
      float *image = strip.image.row(c, y), *f = strip.colors.row(c, y), *b = strip.colors.row(c + kChannels, y);
      const float *old_f = previous(c, strip.top + y), *old_b = previous(c + kChannels, strip.top + y);
      for (int x = span.begin; x < span.end; ++x) {
        const float value = to_unit(pixels[kChannels * picture_x(x) + static_cast<std::size_t>(c)]);
        image[x] = value;
        f[x] = alpha[x] == 1.0f ? value : old_f[previous_x(x)];
        b[x] = alpha[x] == 0.0f ? value : old_b[previous_x(x)];
      }
      strip.colors.close_row(c, y, span);
      strip.colors.close_row(c + kChannels, y, span);
    }
  }

  const ForegroundTask<T>& task_;
  const Planes& previous_;
  std::vector<int> picture_y_, picture_x_, previous_y_, previous_x_;
};

}  // namespace dim::foreground
