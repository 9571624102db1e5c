// The element functions of preprocessing: bit for bit what core/preprocess computes.
#pragma once

#include "core/preprocessing.h"
#include "cuda/types.h"

namespace dim::cuda {

/// `Preprocessing` for pictures of one channel order, as a kernel can hold it.
struct InputTransform {
  float mean[3];
  float std[3];
  int source_channel[3];  // picture channel of each network channel
  float guide_scale;
  bool raw_guide;
  bool reflect;  // behind the picture; otherwise zeros
  int channels;  // of the network's input: the colors, or with them the guide
};

inline InputTransform input_transform(const Preprocessing& settings, bool image_is_rgb) {
  InputTransform t = {};
  for (int c = 0; c < 3; ++c) {
    t.mean[c] = settings.mean[static_cast<std::size_t>(c)];
    t.std[c] = settings.std[static_cast<std::size_t>(c)];
    t.source_channel[c] = settings.rgb == image_is_rgb ? c : 2 - c;
  }
  const Guide guide = settings.guide.value_or(Guide{});
  t.guide_scale = guide.scale;
  t.raw_guide = guide.raw;
  t.reflect = settings.reflect;
  t.channels = settings.channels();
  return t;
}

/// As `dim::reflect_index`.
DIM_HD inline int reflected(int i, int n) {
  if (i < n) return i;
  if (n == 1) return 0;
  const int period = 2 * (n - 1);
  const int j = i % period;
  return j < n ? j : period - j;
}

/// One rounding for the difference and one for the quotient, whatever the compiler's flags.
DIM_HD inline float normalized(float value, float mean, float std) {
#ifdef __CUDA_ARCH__
  return __fdiv_rn(__fsub_rn(value, mean), std);
#else
  return (value - mean) / std;
#endif
}

/// The channels of the network's input at (y, x) of the padded picture; without a guide three of `out`.
DIM_HD inline void input_pixel(const ImageView& image, const ByteView& guide, const InputTransform& t, int y, int x,
                               float out[4]) {
  if (!t.reflect && (y >= image.size.height || x >= image.size.width)) {
    for (int c = 0; c < 4; ++c) out[c] = 0.0f;
    return;
  }
  const int source_y = reflected(y, image.size.height), source_x = reflected(x, image.size.width);
  const std::uint8_t* pixel = image.data + source_y * image.row_stride_bytes + source_x * image.pixel_stride_bytes;
  if (image.pixels == Pixels::kInputs) {
    const auto* values = reinterpret_cast<const float*>(pixel);
    for (int c = 0; c < 3; ++c) out[c] = normalized(values[t.source_channel[c]], t.mean[c], t.std[c]);
    if (t.channels > 3) out[3] = values[3] * t.guide_scale;
    return;
  }
  for (int c = 0; c < 3; ++c)
    out[c] = normalized(pixel[t.source_channel[c] * image.channel_stride_bytes], t.mean[c], t.std[c]);
  if (t.channels == 3) return;
  const std::uint8_t mark = guide.data[source_y * guide.row_stride_bytes + source_x * guide.pixel_stride_bytes];
  out[3] = static_cast<float>(unknown(mark) && !t.raw_guide ? kUnknown : mark) * t.guide_scale;
}

}  // namespace dim::cuda
