#include "core/preprocess.h"

#include <algorithm>

namespace dim {

int reflect_index(int i, int n) {
  if (n == 1) return 0;
  const int period = 2 * (n - 1);
  const int j = i % period;
  return j < n ? j : period - j;
}

std::array<std::uint8_t, 256> guide_values(const Guide& guide) {
  std::array<std::uint8_t, 256> values{};
  for (std::size_t v = 0; v < 256; ++v) {
    const auto mark = static_cast<std::uint8_t>(v);
    values[v] = is_unknown(mark) && !guide.raw ? kUnknown : mark;
  }
  return values;
}

Preprocessor::Preprocessor(const Preprocessing& settings, bool image_is_rgb) : settings_(settings) {
  for (std::size_t c = 0; c < 3; ++c) {
    source_channel_[c] = static_cast<int>(settings.rgb == image_is_rgb ? c : 2 - c);
    for (std::size_t v = 0; v < 256; ++v) lookup_[c][v] = (static_cast<float>(v) - settings.mean[c]) / settings.std[c];
  }
  if (!settings.guide) return;
  const auto values = guide_values(*settings.guide);
  for (std::size_t v = 0; v < 256; ++v) guide_lookup_[v] = values[v] * settings.guide->scale;
}

void Preprocessor::row(const ImageView& image, const ByteView& guide, int y, int padded_width, float* out) const {
  const int source_y = reflect_index(y, image.size.height);
  const bool filled = settings_.reflect || y < image.size.height;
  const int inside = filled ? std::min(padded_width, image.size.width) : 0;
  if (image.pixels == Pixels::kInputs)
    for (int x = 0; x < inside; ++x) input_pixel(image, source_y, x, out + std::ptrdiff_t{4} * x);
  else
    byte_pixels(image, guide, source_y, inside, out);
  for (int x = inside; x < padded_width; ++x) {
    float* const to = out + std::ptrdiff_t{4} * x;
    if (settings_.reflect)
      std::copy_n(out + std::ptrdiff_t{4} * reflect_index(x, image.size.width), 4, to);
    else
      std::fill_n(to, 4, 0.0f);
  }
}

void Preprocessor::byte_pixels(const ImageView& image, const ByteView& guide, int y, int width, float* out) const {
  const std::uint8_t* pixel = image.pixel(y, 0);
  const std::uint8_t* mark = settings_.guide ? guide.data + y * guide.row_stride_bytes : nullptr;
  std::array<std::ptrdiff_t, 3> offset;
  for (std::size_t c = 0; c < 3; ++c) offset[c] = source_channel_[c] * image.channel_stride_bytes;
  for (int x = 0; x < width; ++x, out += 4, pixel += image.pixel_stride_bytes) {
    for (std::size_t c = 0; c < 3; ++c) out[c] = lookup_[c][pixel[offset[c]]];
    out[3] = mark != nullptr ? guide_lookup_[mark[x * guide.pixel_stride_bytes]] : 0.0f;
  }
}

void Preprocessor::input_pixel(const ImageView& image, int y, int x, float* out) const {
  const auto* values = reinterpret_cast<const float*>(image.pixel(y, x));
  for (std::size_t c = 0; c < 3; ++c) out[c] = (values[source_channel_[c]] - settings_.mean[c]) / settings_.std[c];
  out[3] = settings_.guide ? values[3] * settings_.guide->scale : 0.0f;
}

}  // namespace dim
