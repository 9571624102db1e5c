// Pictures on their way to and from the GPU: packed, row after row, in memory that can be copied while others work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/image.h"

namespace dim::tensorrt {

inline std::size_t pixel_bytes(const ImageView& image) { return image.pixels == Pixels::kBytes ? 3 : 16; }

/// A picture in any memory order as rows of `pixel_bytes` a pixel, bytes as rows of them.
void pack(const ImageView& image, std::uint8_t* to);
void pack(const ByteView& bytes, std::uint8_t* to);
/// A map in packed rows, or a part of it, to wherever the caller wants it, by its share.
void unpack(const MapView& from, const ByteView& known, const MapView& alpha);

/// `like` this one, but packed.
inline ImageView packed_image(const void* data, const ImageView& like) {
  const auto bytes = static_cast<std::ptrdiff_t>(pixel_bytes(like));
  const auto* first = static_cast<const std::uint8_t*>(data);
  return {first, like.size, bytes * like.size.width, bytes, bytes == 3 ? 1 : 4, like.pixels};
}

inline ByteView packed_bytes(const void* data, Size size) {
  return {static_cast<const std::uint8_t*>(data), size, size.width, 1};
}

inline MapView packed_map(float* data, Size size) {
  return {data, size, static_cast<std::ptrdiff_t>(sizeof(float)) * size.width, sizeof(float)};
}

}  // namespace dim::tensorrt
