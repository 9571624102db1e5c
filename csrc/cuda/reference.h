// The launchers of kernels.h as plain loops over the element functions, on host memory. Tests compare these with
// PyTorch and with the CPU backend, and the kernels with these.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/foreground_levels.h"
#include "cuda/argmax_pool.h"
#include "cuda/foreground.h"
#include "cuda/index_unpool.h"
#include "cuda/postprocess.h"
#include "cuda/preprocess.h"

namespace dim::cuda::reference {

/// Where element (n, c, y, x) of a map is, and how many channels are stored.
struct Indexer {
  MapShape shape;
  Layout layout;

  int channels() const { return layout == Layout::kLinear ? shape.channels : (shape.channels + 7) / 8 * 8; }
  std::size_t count() const { return static_cast<std::size_t>(shape.n) * channels() * shape.size.area(); }
  std::int64_t operator()(int n, int c, int y, int x) const {
    const std::int64_t height = shape.size.height, width = shape.size.width;
    if (layout == Layout::kLinear) return ((std::int64_t{n} * shape.channels + c) * height + y) * width + x;
    return ((n * height + y) * width + x) * channels() + c;
  }
};

/// `work(n, c, y, x)` for every element that is stored, padding included.
template <typename Work>
void for_each(const Indexer& at, Work work) {
  for (int n = 0; n < at.shape.n; ++n)
    for (int c = 0; c < at.channels(); ++c)
      for (int y = 0; y < at.shape.size.height; ++y)
        for (int x = 0; x < at.shape.size.width; ++x) work(n, c, y, x);
}

template <typename T>
void max_pool_argmax(const T* x, T* values, T* codes, MapShape shape, Layout layout) {
  const Indexer in = {shape, layout};
  const Indexer out = {{shape.n, shape.channels, {shape.size.height / 2, shape.size.width / 2}}, layout};
  for_each(out, [&](int n, int c, int oy, int ox) {
    const auto v = [&](int i) { return x[in(n, c, 2 * oy + i / 2, 2 * ox + i % 2)]; };
    const bool padding = c >= shape.channels;
    const WindowMax<T> best = padding ? WindowMax<T>{T{}, 0} : max_of_window(v(0), v(1), v(2), v(3));
    values[out(n, c, oy, ox)] = best.value;
    codes[out(n, c, oy, ox)] = from_float<T>(static_cast<float>(best.code));
  });
}

template <typename T>
void index_unpool(const T* values, const T* codes, T* x, MapShape shape, Layout layout) {
  const Indexer in = {shape, layout};
  const Indexer out = {{shape.n, shape.channels, {2 * shape.size.height, 2 * shape.size.width}}, layout};
  for_each(out, [&](int n, int c, int oy, int ox) {
    const std::int64_t i = in(n, c, oy / 2, ox / 2);
    x[out(n, c, oy, ox)] = c < shape.channels ? unpooled(values[i], codes[i], 2 * (oy & 1) + (ox & 1)) : T{};
  });
}

template <typename T>
void preprocess(const ImageView& image, const ByteView& guide, const InputTransform& transform, T* input, Size padded) {
  for (int y = 0; y < padded.height; ++y)
    for (int x = 0; x < padded.width; ++x) {
      float pixel[4];
      input_pixel(image, guide, transform, y, x, pixel);
      for (std::size_t c = 0; c < static_cast<std::size_t>(transform.channels); ++c)
        input[(c * padded.height + y) * padded.width + x] = from_float<T>(pixel[c]);
    }
}

template <typename T>
void postprocess(const T* network, int row_elements, const ByteView& known, const AlphaTarget& alpha) {
  for (int y = 0; y < alpha.size.height; ++y)
    for (int x = 0; x < alpha.size.width; ++x)
      write_alpha(network + std::int64_t{y} * row_elements + x, known, alpha, y, x);
}

inline Box unknown_box(const ByteView& known) {
  Box box = {known.size.height, known.size.width, 0, 0};
  for (int y = 0; y < known.size.height; ++y)
    for (int x = 0; x < known.size.width; ++x)
      if (unknown(known.at(y, x)))
        box = {std::min(box.top, y), std::min(box.left, x), std::max(box.bottom, y + 1), std::max(box.right, x + 1)};
  return box;
}

template <typename T>
void estimate_foreground(const MattedPicture<T>& picture, T* foreground, T* background,
                         const ForegroundOptions& options) {
  const auto for_pixels = [](Size size, int first, int step, auto work) {
    for (int y = first; y < size.height; y += step)
      for (int x = 0; x < size.width; ++x) work(y, x);
  };
  const std::size_t area = picture.size.area();
  std::vector<float> image(3 * area), alpha(area), colors(kColorPlanes * area), next(kColorPlanes * area);
  LayerSums sums;
  for_pixels(picture.size, 0, 1, [&](int y, int x) { add_pixel(picture, y, x, sums); });
  for (int plane = 0; plane < kColorPlanes; ++plane) colors[static_cast<std::size_t>(plane)] = sums.mean(plane);
  Size previous = {1, 1};
  for (const Size size : foreground::level_sizes(picture.size)) {
    const ForegroundLevel level = {size, image.data(), alpha.data(), options.regularization, options.gradient_weight};
    for_pixels(size, 0, 1,
               [&](int y, int x) { load_pixel(picture, level, colors.data(), previous, next.data(), y, x); });
    colors.swap(next);
    const bool small = size.height <= options.small_size && size.width <= options.small_size;
    for (int i = 0; i < (small ? options.small_iterations : options.large_iterations); ++i) {
      const float* const old = colors.data();
      float* const fresh = next.data();
      for_pixels(size, 0, 2, [&](int y, int x) { relax_pixel(level, old, old, fresh, y, x); });
      for_pixels(size, 1, 2, [&](int y, int x) { relax_pixel(level, old, fresh, fresh, y, x); });
      colors.swap(next);
    }
    previous = size;
  }
  for_pixels(picture.size, 0, 1,
             [&](int y, int x) { write_pixel(picture, colors.data(), foreground, background, y, x); });
}

}  // namespace dim::cuda::reference
