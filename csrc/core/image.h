// Non-owning views of pictures. Strides are in bytes, as NumPy gives them, and may be negative.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/size.h"

namespace dim {

enum class Pixels {
  kBytes,   // three uint8
  kInputs,  // four float32: the colors and the guide, 0 without one, as the network sees them but for the scales; 0 to
            // 255
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

/// H×W uint8, in any memory order, or nothing. As a guide it is fed to a network beside the colors; it can also say
/// what is known of a map before it is computed: kKnownZero and kKnownOne are exactly 0 and 1, everything else is
/// unknown.
struct ByteView {
  const std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t pixel_stride_bytes = 0;

  /// As a guide: there is none. Of what is known: nothing is.
  bool empty() const { return data == nullptr; }
  std::uint8_t at(int y, int x) const { return data[y * row_stride_bytes + x * pixel_stride_bytes]; }
};

inline constexpr std::uint8_t kKnownZero = 0;
inline constexpr std::uint8_t kUnknown = 128;  // how every other value is spelled where it matters
inline constexpr std::uint8_t kKnownOne = 255;

inline bool is_unknown(std::uint8_t value) { return value != kKnownZero && value != kKnownOne; }

/// H×W float32, a channel of what a network writes. Of a mean over several runs each writes its share.
struct MapView {
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
