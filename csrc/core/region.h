// A region: the pixels of one map that must be computed, as sorted disjoint spans per row. Propagated backwards
// through the layers it names exactly what the unknown pixels need, so skipping the rest changes nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "core/image.h"
#include "core/reach.h"
#include "core/window.h"

namespace dim {

/// Columns [begin, end) of a row.
struct Span {
  int begin = 0;
  int end = 0;
};

class Region {
 public:
  /// The spans of one row; valid as long as the region.
  class Row {
   public:
    Row(const Span* begin, const Span* end) : begin_(begin), end_(end) {}
    const Span* begin() const { return begin_; }
    const Span* end() const { return end_; }
    bool empty() const { return begin_ == end_; }

   private:
    const Span *begin_, *end_;
  };

  /// Empty.
  explicit Region(Size size) : size_(size), first_(static_cast<std::size_t>(size.height) + 1) {}
  Region() = default;

  static Region all(Size size);
  /// The pixels inside `wanted` that are not known (all where nothing is), in a map of `size` that may be larger.
  static Region unknown(const ByteView& known, const Window& wanted, Size size);

  Size size() const { return size_; }
  Row row(int y) const {
    const std::size_t* at = first_.data() + y;
    return {spans_.data() + at[0], spans_.data() + at[1]};
  }
  std::size_t pixels() const;

  /// What is read of a map of `size` for this region; for what lies beyond its border, or beyond `end` where that is
  /// nearer, the nearest inside.
  Region read_from(Size size, Size end, const Reach& rows, const Reach& columns) const;
  /// The patches of that many pixels that touch the region, as a region of the map of patches (sizes rounded up).
  Region in_patches(Size patch) const;
  /// The inverse: all pixels of the region's patches, in a map of `size`.
  Region in_pixels(Size patch, Size size) const;
  /// The same with rows [begin, end) only.
  Region rows(int begin, int end) const;
  Region united(const Region& other) const;

 private:
  class Builder;

  Size size_;
  std::vector<Span> spans_;         // of all rows, one after another: a vector for each row would be slow to make
  std::vector<std::size_t> first_;  // [height + 1] each row's first span
};

/// Calls `visit(begin, end)` for the parts of a row's spans inside [begin, end).
template <typename Spans, typename Visit>
void for_spans(const Spans& row, int begin, int end, Visit visit) {
  for (const Span& span : row) {
    const int first = span.begin > begin ? span.begin : begin;
    const int last = span.end < end ? span.end : end;
    if (first < last) visit(first, last);
  }
}

}  // namespace dim
