// A thread's memory for what a gather lists of one batch of quads and one chunk of channels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels/kernels.h"

namespace dim::cpu {

inline constexpr int kBatchQuads = 128;  // lists of a batch stay in the second-level cache

template <typename Value>
class UnpoolListRoom {
 public:
  /// `reach`: unpool_reach of the kernel. `per_cell`: entries that a cell can have.
  UnpoolListRoom(int reach, int per_cell) {
    const int side = 2 * reach + 1;
    const int cells = kBatchQuads * side;  // in a row, if all quads were pieces of their own
    columns_ = static_cast<std::size_t>((2 * cells + kLanes) / kLanes * kLanes);  // whole cache lines
    edge_ = static_cast<std::size_t>(cells * per_cell + kLanes);
    middle_ = static_cast<std::size_t>(cells * side * per_cell + kLanes);
  }

  std::size_t bytes() const {
    return (middle_ + 2 * edge_) * sizeof(UnpoolEntry<Value>) + 3 * columns_ * sizeof(std::int32_t);
  }
  UnpoolLists<Value> lay_out(std::byte* memory) const {
    const auto list = [&](std::size_t room) {
      auto* const entries = reinterpret_cast<UnpoolEntry<Value>*>(memory);
      auto* const begin = reinterpret_cast<std::int32_t*>(entries + room);
      memory += room * sizeof(UnpoolEntry<Value>) + columns_ * sizeof(std::int32_t);
      return UnpoolList<Value>{entries, begin};
    };
    return {list(middle_), list(edge_), list(edge_)};
  }

 private:
  std::size_t columns_;        // of each list, and one more
  std::size_t middle_, edge_;  // entries
};

template <typename Value>
void clear(const UnpoolLists<Value>& lists) {
  for (const UnpoolList<Value>* list : {&lists.middle, &lists.upper, &lists.lower}) list->begin[0] = 0;
}

/// To the lists of the next piece, after one of so many cells in a row: they share their entries' memory, not their
/// columns.
template <typename Value>
void advance(UnpoolLists<Value>& lists, int cells) {
  for (UnpoolList<Value>* list : {&lists.middle, &lists.upper, &lists.lower}) list->begin += 2 * cells;
}

}  // namespace dim::cpu
