// The element functions of postprocessing: what core/postprocess computes, and the same as uint8.
#pragma once

#include <cmath>

#include "cuda/types.h"

namespace dim::cuda {

/// Alpha at a pixel; `network` is only read where the pixel is unknown. NaN stays NaN.
template <typename T>
DIM_HD float alpha_value(std::uint8_t mark, const T* network, bool clamp) {
  if (!unknown(mark)) return mark == kKnownOne ? 1.0f : 0.0f;
  const float value = to_float(*network);
  return !clamp ? value : value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
}

/// To the nearest, ties to even; NaN becomes 0.
DIM_HD inline std::uint8_t alpha_u8(float alpha) {
  return alpha == alpha ? static_cast<std::uint8_t>(rintf(alpha * 255.0f)) : std::uint8_t{0};
}

template <typename T>
DIM_HD void write_alpha(const T* network, const ByteView& known, const AlphaTarget& target, int y, int x) {
  const std::uint8_t mark =
      known.data == nullptr ? kUnknown : known.data[y * known.row_stride_bytes + x * known.pixel_stride_bytes];
  const float alpha = alpha_value(mark, network, target.clamp);
  char* const out = static_cast<char*>(target.data) + y * target.row_stride_bytes + x * target.pixel_stride_bytes;
  if (target.type == AlphaType::kUint8)
    *reinterpret_cast<std::uint8_t*>(out) = alpha_u8(alpha);
  else if (!unknown(mark))
    *reinterpret_cast<float*>(out) = alpha;
  else
    *reinterpret_cast<float*>(out) =
        target.adds ? *reinterpret_cast<float*>(out) + target.share * alpha : target.share * alpha;
}

}  // namespace dim::cuda
