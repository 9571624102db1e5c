// Height and width, always together.
#pragma once

#include <cstddef>
#include <string>

namespace dim {

struct Size {
  int height = 0;
  int width = 0;

  friend bool operator==(Size a, Size b) { return a.height == b.height && a.width == b.width; }
  friend bool operator!=(Size a, Size b) { return !(a == b); }
  std::size_t area() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
};

/// "1920x1080 px": in words width comes first, as cameras, screens and FFmpeg have it.
inline std::string to_string(Size s) { return std::to_string(s.width) + "x" + std::to_string(s.height) + " px"; }

/// Rounds both sides up to a multiple of `stride`.
inline Size padded(Size s, int stride) {
  return {(s.height + stride - 1) / stride * stride, (s.width + stride - 1) / stride * stride};
}

}  // namespace dim
