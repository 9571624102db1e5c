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

/// A rectangle of output pixels, some of them in the region.
struct Slab {
  int y0, y1, x0, x1;
};

/// The part of a slab that holds what the region has of it: what the rest would read may not be there. Empty rows where
/// there is nothing.
inline Slab bounds_of(const Region& region, const Slab& slab) {
  Slab bounds = {slab.y1, slab.y0, slab.x1, slab.x0};
  for (int y = slab.y0; y < std::min(slab.y1, region.size().height); ++y)
    for_spans(region.row(y), slab.x0, slab.x1, [&](int begin, int end) {
      bounds = {std::min(bounds.y0, y), y + 1, std::min(bounds.x0, begin), std::max(bounds.x1, end)};
    });
  return bounds;
}

inline constexpr int kSlabRows = 4;      // even, for pooling
inline constexpr int kSlabPixels = 128;  // even; a slab of results and a chunk of weights share the second-level cache

inline std::vector<Slab> slabs_of(const Region& region) {
  std::vector<Slab> out;
  const Size size = region.size();
  for (int y = 0; y < size.height; y += kSlabRows) {
    const int y1 = std::min(y + kSlabRows, size.height);
    for (int x = 0; x < size.width; x += kSlabPixels) {
      const int x1 = std::min(x + kSlabPixels, size.width);
      const Slab slab = {y, y1, x, x1}, bounds = bounds_of(region, slab);
      if (bounds.y0 < bounds.y1) out.push_back(slab);
    }
  }
  return out;
}

/// How many shares the output channels' groups are cut into: few batches alone would leave threads idle, though each
/// share prepares the batch's input anew.
inline int shares_of_groups(int batches, int threads, int groups) {
  constexpr int kJobsPerThread = 3;
  return std::clamp((kJobsPerThread * threads + batches - 1) / batches, 1, groups);
}

}  // namespace dim::cpu
