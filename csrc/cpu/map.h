// A value in memory: blocks of lanes with a border of zeros, see kernels/kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/image.h"
#include "cpu/kernels/kernels.h"

namespace dim::cpu {

/// Where a value's numbers lie; the data are elsewhere.
struct MapLayout {
  Size size;
  int channels = 0;
  int lanes = kLanes;  // 16; 4 for network input and concat; 1 for a single channel
  int border = 0;

  int blocks() const { return (channels + lanes - 1) / lanes; }
  std::ptrdiff_t row_stride() const { return static_cast<std::ptrdiff_t>(size.width + 2 * border) * lanes; }
  std::ptrdiff_t block_stride() const { return row_stride() * (size.height + 2 * border); }
  std::size_t elements() const { return static_cast<std::size_t>(block_stride()) * static_cast<std::size_t>(blocks()); }
};

template <typename T>
struct Map {
  MapLayout layout;
  T* data = nullptr;  // upper left of the border of block 0

  /// Pixel (y, x); -border <= y < height + border, and so for x.
  T* at(int block, int y, int x) const {
    return data + block * layout.block_stride() + (y + layout.border) * layout.row_stride() +
           static_cast<std::ptrdiff_t>(x + layout.border) * layout.lanes;
  }
  /// One channel of pixel (y, x); the next pixel's is `layout.lanes` further.
  T* channel(int c, int y, int x) const { return at(c / layout.lanes, y, x) + c % layout.lanes; }
};

using FloatMap = Map<float>;
using CodeMap = Map<std::uint8_t>;

}  // namespace dim::cpu
