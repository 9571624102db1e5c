// The element functions of core/foreground on a GPU. Rows of a parity are computed at a time, as there, and with the
// same arithmetic; only here every pixel of every level is, not just those around mixed ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/types.h"

namespace dim::cuda {

inline constexpr int kColorPlanes =
    6;  // red, green, blue of the foreground, then of the background; any order of three

/// A picture and its matte in any memory order. T is uint8, or float in 0..1.
template <typename T>
struct MattedPicture {
  const T* image = nullptr;
  std::ptrdiff_t row_bytes = 0, pixel_bytes = 0, channel_bytes = 0;
  const float* alpha = nullptr;
  std::ptrdiff_t alpha_row_bytes = 0, alpha_pixel_bytes = 0;
  Size size;

  DIM_HD T color(int y, int x, int c) const {
    return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(image) + y * row_bytes + x * pixel_bytes +
                                       c * channel_bytes);
  }
  DIM_HD float alpha_at(int y, int x) const {
    return *reinterpret_cast<const float*>(reinterpret_cast<const char*>(alpha) + y * alpha_row_bytes +
                                           x * alpha_pixel_bytes);
  }
};

/// One resolution: image [3][height][width] and alpha [height][width], and the weights of the cost.
struct ForegroundLevel {
  Size size;
  float* image = nullptr;
  float* alpha = nullptr;
  float regularization = 0;
  float gradient_weight = 0;

  DIM_HD std::int64_t area() const { return std::int64_t{size.height} * size.width; }
};

DIM_HD inline float unit_value(float value) { return value; }
DIM_HD inline float unit_value(std::uint8_t value) { return static_cast<float>(value) * (1.0f / 255.0f); }
DIM_HD inline void from_unit_value(float value, float* out) { *out = value; }
DIM_HD inline void from_unit_value(float value, std::uint8_t* out) {
  *out = static_cast<std::uint8_t>(value * 255.0f + 0.5f);
}

/// Sums over pixels of the colors and of the weights, per layer: of what surely belongs to it, of all weighted by how
/// much belongs to it, and of all.
struct LayerSums {
  static constexpr int kCount = 3 * 2 * 4;
  double v[3][2][4] = {};

  DIM_HD void add(const double rgb[3], float alpha) {
    for (int layer = 0; layer < 2; ++layer) {
      const bool sure = layer == 0 ? alpha > 0.9f : alpha < 0.1f;
      const double weights[3] = {sure ? 1.0 : 0.0, layer == 0 ? alpha : 1.0f - alpha, 1.0};
      for (int kind = 0; kind < 3; ++kind) {
        for (int c = 0; c < 3; ++c) v[kind][layer][c] += weights[kind] * rgb[c];
        v[kind][layer][3] += weights[kind];
      }
    }
  }
  /// The mean of the first of the three that has any weight; the last one holds every pixel.
  DIM_HD float mean(int plane) const {
    const int layer = plane / 3;
    int kind = 0;
    while (!(v[kind][layer][3] > 0)) ++kind;
    return static_cast<float>(v[kind][layer][plane % 3] / v[kind][layer][3]);
  }
};

template <typename T>
DIM_HD void add_pixel(const MattedPicture<T>& picture, int y, int x, LayerSums& sums) {
  const double rgb[3] = {unit_value(picture.color(y, x, 0)), unit_value(picture.color(y, x, 1)),
                         unit_value(picture.color(y, x, 2))};
  sums.add(rgb, picture.alpha_at(y, x));
}

/// Which of `from` pixels is nearest to pixel `i` of `to`.
DIM_HD inline int nearest_of(int i, int to, int from) { return static_cast<int>(std::int64_t{i} * from / to); }

/// Pixel (y, x) of a level, which starts with the colors of the level before, and where alpha is 0 or 1 with the
/// picture's. Colors are [6][height][width].
template <typename T>
DIM_HD void load_pixel(const MattedPicture<T>& picture, const ForegroundLevel& level, const float* previous,
                       Size previous_size, float* colors, int y, int x) {
  const Size size = level.size;
  const std::int64_t i = std::int64_t{y} * size.width + x, area = level.area();
  const int from_y = nearest_of(y, size.height, picture.size.height);
  const int from_x = nearest_of(x, size.width, picture.size.width);
  const std::int64_t old = std::int64_t{nearest_of(y, size.height, previous_size.height)} * previous_size.width +
                           nearest_of(x, size.width, previous_size.width);
  const std::int64_t previous_area = std::int64_t{previous_size.height} * previous_size.width;
  const float alpha = picture.alpha_at(from_y, from_x);
  level.alpha[i] = alpha;
  for (int c = 0; c < 3; ++c) {
    const float color = unit_value(picture.color(from_y, from_x, c));
    level.image[c * area + i] = color;
    colors[c * area + i] = alpha == 1.0f ? color : previous[c * previous_area + old];
    colors[(c + 3) * area + i] = alpha == 0.0f ? color : previous[(c + 3) * previous_area + old];
  }
}

/// The colors of pixel (y, x) that minimise the paper's local cost with the neighbours' held: `own` are those of its
/// row, `across` those of the rows above and below, which were computed just before or will be next. See relax_span of
/// core/foreground.cc for the formula.
DIM_HD inline void relax_pixel(const ForegroundLevel& level, const float* own, const float* across, float* out, int y,
                               int x) {
  const int width = level.size.width;
  const std::int64_t i = std::int64_t{y} * width + x, area = level.area();
  const bool top = y == 0, bottom = y == level.size.height - 1;  // there a pixel is its own neighbour
  const std::int64_t left = x > 0 ? i - 1 : i, right = x < width - 1 ? i + 1 : i;
  const std::int64_t up = top ? i : i - width, down = bottom ? i : i + width;
  const float *const above = top ? own : across, *const below = bottom ? own : across;
  const auto weight = [&](std::int64_t neighbour) {
    const float difference = level.alpha[i] - level.alpha[neighbour];
    return level.regularization + level.gradient_weight * (difference < 0 ? -difference : difference);
  };
  const float alpha = level.alpha[i], rest = 1.0f - alpha;
  const float l = weight(left), r = weight(right), u = weight(up), d = weight(down);
  const float sum = l + r + u + d, scale = 1.0f / sum;
  const float to_left = l * scale, to_right = r * scale, to_up = u * scale, to_down = d * scale;
  const float step = 1.0f / (sum + alpha * alpha + rest * rest);
  const auto mean = [&](std::int64_t plane) {
    return to_left * own[plane + left] + to_right * own[plane + right] + to_up * above[plane + up] +
           to_down * below[plane + down];
  };
  const auto clamped = [](float value) { return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value; };
  for (int c = 0; c < 3; ++c) {
    const std::int64_t f = c * area, b = (c + 3) * area;
    const float mean_f = mean(f), mean_b = mean(b);
    const float residual = (level.image[f + i] - alpha * mean_f - rest * mean_b) * step;
    out[f + i] = clamped(mean_f + alpha * residual);
    out[b + i] = clamped(mean_b + rest * residual);
  }
}

/// Pixel (y, x) of both results, packed. Where alpha is exactly 1 (0) the foreground (background) is the picture.
template <typename T>
DIM_HD void write_pixel(const MattedPicture<T>& picture, const float* colors, T* foreground, T* background, int y,
                        int x) {
  const std::int64_t area = std::int64_t{picture.size.height} * picture.size.width;
  const std::int64_t i = std::int64_t{y} * picture.size.width + x;
  const float alpha = picture.alpha_at(y, x);
  for (int c = 0; c < 3; ++c) {
    if (alpha < 1.0f)
      from_unit_value(colors[c * area + i], foreground + 3 * i + c);
    else
      foreground[3 * i + c] = picture.color(y, x, c);
    if (alpha > 0.0f)
      from_unit_value(colors[(c + 3) * area + i], background + 3 * i + c);
    else
      background[3 * i + c] = picture.color(y, x, c);
  }
}

}  // namespace dim::cuda
