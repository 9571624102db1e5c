// What a gather over an unpooled map reads: lists of what is not zero there, column of pixels by column. Memory and
// rules are those of kernels/kernels.h.
#pragma once

#include <cstdint>

#include "cpu/kernels/inline.h"

namespace dim::cpu {

inline constexpr int kLanes = 16;

/// A value that unpooling puts somewhere, and where its weights lie relative to the first output quad's (2×2 pixels).
/// Value: float, or the bytes of four channels.
template <typename Value>
struct UnpoolEntry {
  Value value;
  std::int32_t weight_offset;
};

/// Non-zero values of an unpooled map.
template <typename Value>
struct UnpoolList {
  UnpoolEntry<Value>* entries;
  std::int32_t* begin;  // [columns + 1] first entry of each column
};

/// What a row of output quads reads: the uppermost row of pixels, which only the quads' upper pixels read, the lowest,
/// which only the lower ones do, and the rows between, which both do.
template <typename Value>
struct UnpoolLists {
  UnpoolList<Value> middle, upper, lower;
};

/// How many rows and columns of cells (pixels before unpooling) around a quad's own a kernel reaches.
DIM_INLINE constexpr int unpool_reach(int kernel) { return (kernel / 2 + 1) / 2; }

}  // namespace dim::cpu
