#include "core/preprocess.h"

namespace dim {

int reflect_index(int i, int n) {
  if (n == 1) return 0;
  const int period = 2 * (n - 1);
  const int j = i % period;
  return j < n ? j : period - j;
}

Preprocessor::Preprocessor(const Preprocessing& settings, bool image_is_rgb) {
  for (std::size_t c = 0; c < 3; ++c) {
    source_channel_[c] = static_cast<int>(settings.rgb == image_is_rgb ? c : 2 - c);
    for (std::size_t v = 0; v < 256; ++v) lookup_[c][v] = (static_cast<float>(v) - settings.mean[c]) / settings.std[c];
  }
  trimap_values_ = {kBackground * settings.trimap_scale, kUnknown * settings.trimap_scale,
                    kForeground * settings.trimap_scale};
}

void Preprocessor::row(const ImageView& image, const TrimapView& trimap, int y, int padded_width, float* out) const {
  const int source_y = reflect_index(y, image.size.height);
  for (int x = 0; x < padded_width; ++x, out += 4) {
    const int source_x = x < image.size.width ? x : reflect_index(x, image.size.width);
    const std::uint8_t* pixel = image.pixel(source_y, source_x);
    for (std::size_t c = 0; c < 3; ++c) out[c] = lookup_[c][pixel[source_channel_[c] * image.channel_stride_bytes]];
    const std::uint8_t t = trimap.at(source_y, source_x);
    out[3] = is_unknown(t) ? trimap_values_[1] : trimap_values_[t == kForeground ? 2 : 0];
  }
}

}  // namespace dim
