// Non-owning views of pictures. Strides are in bytes, as NumPy gives them, and may be negative.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/size.h"

namespace dim {

enum class Pixels {
  kBytes,   // three uint8
  kInputs,  // four float32: the colors, and what the network sees as trimap; both still 0 to 255
};

/// H×W×3 uint8 in any memory order; or, made by `Scaling`, H×W×4 float32.
struct ImageView {
  const std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t pixel_stride_bytes = 0;
  std::ptrdiff_t channel_stride_bytes = 0;
  Pixels pixels = Pixels::kBytes;

  const std::uint8_t* pixel(int y, int x) const { return data + y * row_stride_bytes + x * pixel_stride_bytes; }
};

/// H×W uint8: 0 background, 255 foreground, everything else unknown.
struct TrimapView {
  const std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t pixel_stride_bytes = 0;

  std::uint8_t at(int y, int x) const { return data[y * row_stride_bytes + x * pixel_stride_bytes]; }
};

inline constexpr std::uint8_t kBackground = 0;
inline constexpr std::uint8_t kUnknown = 128;  // how preprocessing spells "every other value"
inline constexpr std::uint8_t kForeground = 255;

inline bool is_unknown(std::uint8_t trimap_value) { return trimap_value != kBackground && trimap_value != kForeground; }

/// H×W float32, written by the engine. Of a mean over several runs each writes its share.
struct AlphaView {
  float* data = nullptr;
  Size size;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t pixel_stride_bytes = 0;
  float share = 1.0f;  // of what the network says about unknown pixels
  bool adds = false;   // to what is there; known pixels are 0 or 1 all the same

  float& at(int y, int x) const {
    return *reinterpret_cast<float*>(reinterpret_cast<char*>(data) + y * row_stride_bytes + x * pixel_stride_bytes);
  }
};

}  // namespace dim
