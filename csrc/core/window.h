// The part of a picture that a network must see so that every unknown pixel comes out as from the whole picture.
#pragma once

#include <array>
#include <string>

#include "core/image.h"

namespace dim {

/// Rows top..top+height-1 and columns left..left+width-1 of a picture.
struct Window {
  int top = 0;
  int left = 0;
  Size size;

  bool empty() const { return size.height <= 0 || size.width <= 0; }
  int bottom() const { return top + size.height; }
  int right() const { return left + size.width; }
  bool operator==(const Window& other) const { return top == other.top && left == other.left && size == other.size; }
};

/// Size and place, for messages.
std::string to_string(const Window& window);

inline Window whole(Size size) { return {0, 0, size}; }

inline bool is_inside(const Window& window, Size picture) {
  return window.top >= 0 && window.left >= 0 && !window.empty() && window.size.height <= picture.height - window.top &&
         window.size.width <= picture.width - window.left;
}

/// A window of a picture as a window of the part of it that `outer` is.
inline Window relative(const Window& inner, const Window& outer) {
  return {inner.top - outer.top, inner.left - outer.left, inner.size};
}

/// What is in both; empty if nothing is.
Window overlap(const Window& a, const Window& b);

/// The smallest window with every unknown pixel of `wanted` in it; empty if there are none, `wanted` if nothing is
/// known.
Window unknown_window(const ByteView& known, const Window& wanted);

/// `unknown` and `halo` pixels around it, as far as the picture goes, with its corner at multiples of `stride` so that
/// the network's poolings fall where they would fall in the whole picture. Sizes are rounded up to multiples of `step`
/// (itself one of `stride`), so that there are few different ones.
Window network_window(const Window& unknown, Size picture, int halo, int stride, int step);

/// The four parts of `outer` around a window in it, some of them empty.
std::array<Window, 4> around(const Window& window, const Window& outer);

inline ImageView part(ImageView view, const Window& window) {
  view.data += window.top * view.row_stride_bytes + window.left * view.pixel_stride_bytes;
  view.size = window.size;
  return view;
}

inline ByteView part(ByteView view, const Window& window) {
  if (!view.empty()) view.data += window.top * view.row_stride_bytes + window.left * view.pixel_stride_bytes;
  view.size = window.size;
  return view;
}

inline MapView part(MapView view, const Window& window) {
  view.data = reinterpret_cast<float*>(reinterpret_cast<char*>(view.data) + window.top * view.row_stride_bytes +
                                       window.left * view.pixel_stride_bytes);
  view.size = window.size;
  return view;
}

}  // namespace dim
