// What the scalar twins of the gathers over unpooled maps share, of floats and of bytes.
#pragma once

#include "cpu/kernels/unpool.h"

namespace dim::cpu::scalar {
namespace {

/// `list_pixel(append, row, column, tap_row, tap)` for each pixel of the unpooled rows that a list is about;
/// `append(value, offset)` lists a value. The tap is the one that the first quad's upper left pixel has for it.
template <typename Value, typename ListPixel>
void list_columns(const UnpoolLists<Value>& lists, int kernel, int cells, ListPixel list_pixel) {
  const int radius = kernel / 2, reach = unpool_reach(kernel);
  for (const UnpoolList<Value>* list : {&lists.middle, &lists.upper, &lists.lower}) {
    std::int32_t count = list->begin[0];
    const auto append = [&](Value value, std::int32_t offset) { list->entries[count++] = {value, offset}; };
    for (int column = 0; column < 2 * cells; ++column) {
      list->begin[column] = count;
      for (int row = 0; row < 2 * (2 * reach + 1); ++row) {
        const int ky = row - 2 * reach + radius, kx = column - 2 * reach + radius;
        const int top = list == &lists.lower ? 2 * radius + 1 : list == &lists.upper ? 0 : 1;
        const int bottom = list == &lists.middle ? 2 * radius : top;
        if (ky >= top && ky <= bottom) list_pixel(append, row, column, ky, kx);
      }
    }
    list->begin[2 * cells] = count;
  }
}

}  // namespace
}  // namespace dim::cpu::scalar
