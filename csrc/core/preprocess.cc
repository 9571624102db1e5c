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
  for (int x = 0; x < padded_width; ++x, out += 4) {
    if (!settings_.reflect && (y >= image.size.height || x >= image.size.width)) {
      std::fill_n(out, 4, 0.0f);
      continue;
    }
    const int source_x = x < image.size.width ? x : reflect_index(x, image.size.width);
    const std::uint8_t* pixel = image.pixel(source_y, source_x);
    if (image.pixels == Pixels::kInputs) {
      const auto* values = reinterpret_cast<const float*>(pixel);
      for (std::size_t c = 0; c < 3; ++c) out[c] = (values[source_channel_[c]] - settings_.mean[c]) / settings_.std[c];
      out[3] = settings_.guide ? values[3] * settings_.guide->scale : 0.0f;
      continue;
    }
    for (std::size_t c = 0; c < 3; ++c) out[c] = lookup_[c][pixel[source_channel_[c] * image.channel_stride_bytes]];
    out[3] = settings_.guide ? guide_lookup_[guide.at(source_y, source_x)] : 0.0f;
  }
}

}  // namespace dim
