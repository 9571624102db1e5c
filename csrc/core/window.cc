#include "core/window.h"

#include <algorithm>

namespace dim {
namespace {

struct Side {
  int first, end;
};

Side widened(Side unknown, int picture, int halo, int stride, int step) {
  int first = std::max(0, unknown.first - halo) / stride * stride;
  const int rounded = (std::min(picture, unknown.end + halo) - first + step - 1) / step * step;
  const int end = std::min(picture, first + rounded);
  if (end == picture)  // the padding reflects up to `stride` pixels of the picture: they must be in the window
    first = std::min(first, std::max(0, picture - 2 * stride) / stride * stride);
  return {first, end};
}

}  // namespace

std::string to_string(const Window& window) {
  return to_string(window.size) + " at row " + std::to_string(window.top) + ", column " + std::to_string(window.left);
}

Window overlap(const Window& a, const Window& b) {
  const int top = std::max(a.top, b.top), left = std::max(a.left, b.left);
  const Size size = {std::min(a.bottom(), b.bottom()) - top, std::min(a.right(), b.right()) - left};
  return size.height > 0 && size.width > 0 ? Window{top, left, size} : Window{};
}

Window unknown_window(const ByteView& known, const Window& wanted) {
  if (known.empty()) return wanted;
  int top = wanted.bottom(), bottom = 0, left = wanted.right(), right = 0;
  for (int y = wanted.top; y < wanted.bottom(); ++y) {
    int first = wanted.left;
    while (first < wanted.right() && !is_unknown(known.at(y, first))) ++first;
    if (first == wanted.right()) continue;
    int last = wanted.right() - 1;
    while (!is_unknown(known.at(y, last))) --last;
    top = std::min(top, y), bottom = y + 1;
    left = std::min(left, first), right = std::max(right, last + 1);
  }
  if (bottom <= top) return {};
  return {top, left, {bottom - top, right - left}};
}

Window network_window(const Window& unknown, Size picture, int halo, int stride, int step) {
  if (unknown.empty()) return {};
  const Side rows = widened({unknown.top, unknown.bottom()}, picture.height, halo, stride, step);
  const Side columns = widened({unknown.left, unknown.right()}, picture.width, halo, stride, step);
  return {rows.first, columns.first, {rows.end - rows.first, columns.end - columns.first}};
}

std::array<Window, 4> around(const Window& w, const Window& outer) {
  if (w.empty()) return {outer, {}, {}, {}};
  return {Window{outer.top, outer.left, {w.top - outer.top, outer.size.width}},
          Window{w.bottom(), outer.left, {outer.bottom() - w.bottom(), outer.size.width}},
          Window{w.top, outer.left, {w.size.height, w.left - outer.left}},
          Window{w.top, w.right(), {w.size.height, outer.right() - w.right()}}};
}

}  // namespace dim
