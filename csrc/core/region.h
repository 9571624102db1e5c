// A region: the pixels of one map that must be computed, as sorted disjoint spans per row. Propagated backwards
// through the layers it names exactly what the unknown pixels need, so skipping the rest changes nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "core/image.h"

namespace dim {

/// Columns [begin, end) of a row.
struct Span {
  int begin = 0;
  int end = 0;
};

class Region {
 public:
  using Row = std::vector<Span>;

  /// Empty.
  explicit Region(Size size) : size_(size), rows_(static_cast<std::size_t>(size.height)) {}
  Region() = default;

  static Region all(Size size);
  /// The unknown pixels of a trimap, in a map of `size` that may be larger than the trimap.
  static Region unknown(const TrimapView& trimap, Size size);

  Size size() const { return size_; }
  const Row& row(int y) const { return rows_[static_cast<std::size_t>(y)]; }
  std::size_t pixels() const;

  /// Every pixel within `radius` rows and columns: what a (2·radius+1)² convolution reads.
  Region dilated(int radius) const;
  /// The tiles of that many pixels that touch the region, as a region of the map of tiles (sizes rounded up).
  Region tiles(Size tile) const;
  /// The inverse: all pixels of the region's tiles, in a map of `size`.
  Region untiled(Size tile, Size size) const;
  /// The same with rows [begin, end) only.
  Region rows(int begin, int end) const;
  Region united(const Region& other) const;

 private:
  Size size_;
  std::vector<Row> rows_;
};

/// Calls `visit(begin, end)` for the parts of `row` inside [begin, end).
template <typename Visit>
void for_spans(const Region::Row& row, int begin, int end, Visit visit) {
  for (const Span& span : row) {
    const int first = span.begin > begin ? span.begin : begin;
    const int last = span.end < end ? span.end : end;
    if (first < last) visit(first, last);
  }
}

}  // namespace dim
