// Output pixels of Winograd patches that may have to equal others to the bit.
//
// A pixel of a direct convolution depends on the nine that its kernel covers, one of a patch of F(2×4, 3×3) on all of
// its window. So where pixels see the same, rounding tells them apart, and pooling, which takes the first of equal
// ones, would take another. Points at which flat windows give equal pixels are no way out: edges of flat areas go
// through windows. Pixels of areas that do not change along rows or columns, or repeat every other pixel, have equal
// neighbours on either side. These pixels are computed directly.
#pragma once

#include <vector>

#include "cpu/layers/batches.h"
#include "cpu/layers/map.h"

namespace dim::cpu {

/// Of one batch of patches of 2×4 pixels, kernels of 3×3.
struct Ties {
  struct Pixel {
    int y, x;   // of the output
    int value;  // index
  };
  std::vector<Pixel> pixels;         // piece by piece, row by row
  std::vector<const float*> values;  // where the nine pixels of each begin in the input's first block
  Batch others;                      // patches that have other pixels; nothing if there are no ties

  /// [in block][ky][kx][value][16] of some values' pixels.
  void gather(const FloatMap& input, int first, int count, float* output) const;
};

/// Whether a pixel is in one of a piece's patches.
bool is_in(const Ties::Pixel& pixel, const Piece& piece, Size patch);

/// Those whose three columns of input, or rows, begin and end with equal ones.
Ties find_ties(const FloatMap& input, const Batch& batch, Size patch);

}  // namespace dim::cpu
