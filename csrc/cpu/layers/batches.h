// A region cut into batches of a bounded number of cells: what one job of a layer works on.
#pragma once

#include <algorithm>
#include <vector>

#include "core/region.h"

namespace dim::cpu {

/// Cells [x0, x1) of row y.
struct Piece {
  int y, x0, x1;
};

struct Batch {
  std::vector<Piece> pieces;
  int cells = 0;
};

inline std::vector<Batch> batches_of(const Region& region, int most_cells) {
  std::vector<Batch> out(1);
  for (int y = 0; y < region.size().height; ++y)
    for (const Span& span : region.row(y))
      for (int x = span.begin; x < span.end;) {
        if (out.back().cells == most_cells) out.emplace_back();
        Batch& batch = out.back();
        const int count = std::min(span.end - x, most_cells - batch.cells);
        batch.pieces.push_back({y, x, x + count});
        batch.cells += count;
        x += count;
      }
  if (out.back().cells == 0) out.pop_back();
  return out;
}

/// How many shares the output channels' groups are cut into: few batches alone would leave threads idle, though each
/// share prepares the batch's input anew.
inline int shares_of_groups(int batches, int threads, int groups) {
  constexpr int kJobsPerThread = 3;
  return std::clamp((kJobsPerThread * threads + batches - 1) / batches, 1, groups);
}

}  // namespace dim::cpu
