// What the gathers over unpooled maps share, of floats and of bytes. Included by each unit.
#pragma once

#include "cpu/kernels/inline.h"
#include "cpu/kernels/unpool.h"
#include "cpu/kernels/vec.h"

namespace dim::cpu {
namespace {

/// A list that grows.
template <typename Value>
struct UnpoolAppender {
  explicit UnpoolAppender(const UnpoolList<Value>& to) : list(to), count(to.begin[0]) {}

  DIM_INLINE void begin_column() { *list.begin++ = count; }
  DIM_INLINE void append(typename VecOf<Value>::type values, VecInt offsets, unsigned lanes) {
    store_entries(list.entries + count, values, offsets, lanes);
    count += __builtin_popcount(lanes);
  }

  UnpoolList<Value> list;
  std::int32_t count;
};

/// Lists of which an entry goes to one at most.
template <typename Value>
struct UnpoolAppenders {
  explicit UnpoolAppenders(const UnpoolLists<Value>& to) : middle(to.middle), upper(to.upper), lower(to.lower) {}

  DIM_INLINE void begin_column() {
    middle.begin_column();
    upper.begin_column();
    lower.begin_column();
  }

  UnpoolAppender<Value> middle, upper, lower;
};

/// `list_row(to, cell, px, r)` for each column of pixels, two a cell, and each row of cells that the kernel reaches.
template <typename Value, typename ListRow>
DIM_INLINE void list_columns(const UnpoolLists<Value>& lists, int kernel, int cells, ListRow&& list_row) {
  UnpoolAppenders<Value> to(lists);
  const int rows = 2 * unpool_reach(kernel) + 1;
  for (int cell = 0; cell < cells; ++cell) {
#pragma GCC unroll 2
    for (int px = 0; px < 2; ++px) {
      to.begin_column();
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) list_row(to, cell, px, r);
    }
  }
  to.begin_column();
}

/// Which of its four pixels read an entry of a quad.
template <int... kPixels>
struct QuadPixels {};

/// The columns that a quad reads, from a row's first one on.
template <typename Value>
struct QuadColumns {
  QuadColumns(const UnpoolLists<Value>& lists, int first_column, int kernel)
      : lists(lists),
        middle(lists.middle.begin + first_column),
        upper(lists.upper.begin + first_column),
        lower(lists.lower.begin + first_column),
        last(kernel) {}

  /// `add(list, from, to, QuadPixels)` for entries [from, to) of a list: each pixel has one tap for each.
  template <typename AddEntries>
  DIM_INLINE void visit(AddEntries&& add) const {
    add(lists.middle, middle[1], middle[last], QuadPixels<0, 1, 2, 3>());
    add(lists.upper, upper[0], upper[last + 1], QuadPixels<0, 1>());  // of the outer columns one of the two reads zeros
    add(lists.lower, lower[0], lower[last + 1], QuadPixels<2, 3>());
    add(lists.middle, middle[0], middle[1], QuadPixels<0, 2>());
    add(lists.middle, middle[last], middle[last + 1], QuadPixels<1, 3>());
  }
  DIM_INLINE void next() {
    middle += 2;
    upper += 2;
    lower += 2;
  }

  UnpoolLists<Value> lists;
  const std::int32_t *middle, *upper, *lower;  // first entries of the columns
  int last;                                    // of those columns
};

}  // namespace
}  // namespace dim::cpu
