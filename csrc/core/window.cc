#include "core/window.h"

#include <algorithm>

namespace dim {
namespace {

struct Span {
  int first, end;
};

Span widened(Span unknown, int picture, int halo, int stride, int step) {
  int first = std::max(0, unknown.first - halo) / stride * stride;
  const int rounded = (std::min(picture, unknown.end + halo) - first + step - 1) / step * step;
  const int end = std::min(picture, first + rounded);
  if (end == picture)  // the padding reflects up to `stride` pixels of the picture: they must be in the window
    first = std::min(first, std::max(0, picture - 2 * stride) / stride * stride);
  return {first, end};
}

}  // namespace

Window unknown_window(const TrimapView& trimap) {
  int top = trimap.size.height, bottom = 0, left = trimap.size.width, right = 0;
  for (int y = 0; y < trimap.size.height; ++y) {
    int first = 0;
    while (first < trimap.size.width && !is_unknown(trimap.at(y, first))) ++first;
    if (first == trimap.size.width) continue;
    int last = trimap.size.width - 1;
    while (!is_unknown(trimap.at(y, last))) --last;
    top = std::min(top, y), bottom = y + 1;
    left = std::min(left, first), right = std::max(right, last + 1);
  }
  if (bottom <= top) return {};
  return {top, left, {bottom - top, right - left}};
}

Window network_window(const Window& unknown, Size picture, int halo, int stride, int step) {
  if (unknown.empty()) return {};
  const Span rows = widened({unknown.top, unknown.bottom()}, picture.height, halo, stride, step);
  const Span columns = widened({unknown.left, unknown.right()}, picture.width, halo, stride, step);
  return {rows.first, columns.first, {rows.end - rows.first, columns.end - columns.first}};
}

std::array<Window, 4> around(const Window& w, Size picture) {
  if (w.empty()) return {Window{0, 0, picture}, {}, {}, {}};
  return {Window{0, 0, {w.top, picture.width}}, Window{w.bottom(), 0, {picture.height - w.bottom(), picture.width}},
          Window{w.top, 0, {w.size.height, w.left}},
          Window{w.top, w.right(), {w.size.height, picture.width - w.right()}}};
}

}  // namespace dim
