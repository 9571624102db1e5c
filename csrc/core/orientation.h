// Pictures turned and mirrored: views of the same pixels, in another order.
#pragma once

#include <utility>
#include <vector>

#include "core/window.h"

namespace dim {

/// How a picture is looked at; transposed last.
struct Orientation {
  bool flipped = false;   // upside down
  bool mirrored = false;  // left and right
  bool transposed = false;
};

/// 1: as it is; 2: and its mirror image; 8: all symmetries of a square. Throws InvalidInput for another count.
std::vector<Orientation> orientations(int count);

inline Size turned(Size size, const Orientation& orientation) {
  if (orientation.transposed) std::swap(size.height, size.width);
  return size;
}

/// Where a window of a picture of this size is once the picture is turned.
inline Window turned(Window window, Size picture, const Orientation& orientation) {
  if (orientation.flipped) window.top = picture.height - window.bottom();
  if (orientation.mirrored) window.left = picture.width - window.right();
  if (orientation.transposed) std::swap(window.top, window.left);
  window.size = turned(window.size, orientation);
  return window;
}

/// An ImageView, ByteView or MapView, turned.
template <typename View>
View turned(View view, const Orientation& orientation) {
  const Window first = {orientation.flipped ? view.size.height - 1 : 0, orientation.mirrored ? view.size.width - 1 : 0,
                        view.size};
  view = part(view, first);
  if (orientation.flipped) view.row_stride_bytes = -view.row_stride_bytes;
  if (orientation.mirrored) view.pixel_stride_bytes = -view.pixel_stride_bytes;
  if (orientation.transposed) std::swap(view.row_stride_bytes, view.pixel_stride_bytes);
  view.size = turned(view.size, orientation);
  return view;
}

}  // namespace dim
