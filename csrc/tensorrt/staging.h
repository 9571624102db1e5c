// Pictures on their way to and from the GPU: packed, row after row, in memory that can be copied while others work.
#pragma once

#include "core/image.h"

namespace dim::tensorrt {

/// A picture in any memory order as rows of 3 bytes a pixel, a trimap as rows of bytes.
void pack(const ImageView& image, std::uint8_t* to);
void pack(const TrimapView& trimap, std::uint8_t* to);
/// Packed alpha to wherever the caller wants it.
void unpack(const float* from, const AlphaView& alpha);

inline ImageView packed_image(const void* data, Size size) {
  return {static_cast<const std::uint8_t*>(data), size, std::ptrdiff_t{3} * size.width, 3, 1};
}

inline TrimapView packed_trimap(const void* data, Size size) {
  return {static_cast<const std::uint8_t*>(data), size, size.width, 1};
}

inline AlphaView packed_alpha(float* data, Size size) {
  return {data, size, static_cast<std::ptrdiff_t>(sizeof(float)) * size.width, sizeof(float)};
}

}  // namespace dim::tensorrt
