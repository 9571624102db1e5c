// A value in memory: blocks of lanes with a border of zeros, see kernels/kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/size.h"
#include "cpu/kernels/kernels.h"

namespace dim::cpu {

/// Where a value's numbers lie; the data are elsewhere.
struct MapLayout {
  Size size;
  int channels = 0;
  int lanes = kLanes;  // 16; 4 for network input and concat; 1 for a single channel
  int border = 0;
  int rows = 0;  // in memory: height + 2 * border, or fewer when the map is computed and read in strips

  int blocks() const { return (channels + lanes - 1) / lanes; }
  std::ptrdiff_t row_stride() const { return static_cast<std::ptrdiff_t>(size.width + 2 * border) * lanes; }
  std::ptrdiff_t block_stride() const { return row_stride() * rows; }
  std::size_t elements() const { return static_cast<std::size_t>(block_stride()) * static_cast<std::size_t>(blocks()); }
};

inline MapLayout whole_map(Size size, int channels, int lanes, int border) {
  return {size, channels, lanes, border, size.height + 2 * border};
}

template <typename T>
struct Map {
  MapLayout layout;
  T* data = nullptr;  // upper left of block 0, border included
  int first_row = 0;  // of the rows in memory; -border unless in strips

  /// Pixel (y, x) of a row in memory; -border <= x < width + border.
  T* at(int block, int y, int x) const {
    return data + block * layout.block_stride() + (y - first_row) * layout.row_stride() +
           static_cast<std::ptrdiff_t>(x + layout.border) * layout.lanes;
  }
  /// One channel of pixel (y, x); the next pixel's is `layout.lanes` further.
  T* channel(int c, int y, int x) const { return at(c / layout.lanes, y, x) + c % layout.lanes; }
};

using FloatMap = Map<float>;
using CodeMap = Map<std::uint8_t>;

/// Bytes of 0 to 127; a value is a byte · scale.
struct QuantizedMap : Map<std::uint8_t> {
  float scale = 1.0f;
};

}  // namespace dim::cpu
