// Rows of bytes as runs of equal ones, as trimaps have long ones.
#pragma once

#include <cstring>

#include "core/image.h"

namespace dim {

/// Calls `visit(value, begin, end)` for each run within [begin, end) of row y.
template <typename Visit>
void for_runs(const ByteView& bytes, int y, int begin, int end, Visit visit) {
  constexpr int kWord = sizeof(std::uint64_t);
  const bool contiguous = bytes.pixel_stride_bytes == 1;
  while (begin < end) {
    const std::uint8_t value = bytes.at(y, begin);
    const std::uint64_t same = ~std::uint64_t{0} / 255 * value;
    int x = begin + 1;
    for (; contiguous && x + kWord <= end; x += kWord) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data + y * bytes.row_stride_bytes + x, kWord);
      if (word != same) break;
    }
    while (x < end && bytes.at(y, x) == value) ++x;
    visit(value, begin, x);
    begin = x;
  }
}

}  // namespace dim
