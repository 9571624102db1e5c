// Pictures on their way to and from the GPU: packed, row after row, in memory that can be copied while others work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/image.h"

namespace dim::tensorrt {

inline std::size_t pixel_bytes(const ImageView& image) { return image.pixels == Pixels::kBytes ? 3 : 16; }

/// A picture in any memory order as rows of `pixel_bytes` a pixel, a trimap as rows of bytes.
void pack(const ImageView& image, std::uint8_t* to);
void pack(const TrimapView& trimap, std::uint8_t* to);
/// Alpha in packed rows, or a part of it, to wherever the caller wants it, by its share.
void unpack(const AlphaView& from, const TrimapView& trimap, const AlphaView& alpha);

/// `like` this one, but packed.
inline ImageView packed_image(const void* data, const ImageView& like) {
  const auto bytes = static_cast<std::ptrdiff_t>(pixel_bytes(like));
  const auto* first = static_cast<const std::uint8_t*>(data);
  return {first, like.size, bytes * like.size.width, bytes, bytes == 3 ? 1 : 4, like.pixels};
}

inline TrimapView packed_trimap(const void* data, Size size) {
  return {static_cast<const std::uint8_t*>(data), size, size.width, 1};
}

inline AlphaView packed_alpha(float* data, Size size) {
  return {data, size, static_cast<std::ptrdiff_t>(sizeof(float)) * size.width, sizeof(float)};
}

}  // namespace dim::tensorrt
