// Winograd convolution, F(4×4, 3×3) and F(2×2, 5×5): a quarter and about a third of the multiplications of a direct
// convolution. The points are chosen so that rounding stays near that of a direct sum.
#pragma once

#include <vector>

#include "core/region.h"
#include "cpu/layers/packing.h"
#include "cpu/map.h"

namespace dim::cpu {

class WinogradConv {
 public:
  static bool supports(int kernel) { return kernel == 3 || kernel == 5; }
  /// Outputs per tile and axis.
  static int tile_side(int kernel) { return kWinogradSide + 1 - kernel; }
  /// Zeros that an input map must have around it: partial tiles read beyond the convolution's own border.
  static int border(int kernel) { return kernel / 2 + tile_side(kernel) - 1; }

  WinogradConv(const Kernels& kernels, const ConvWeights& weights);

  struct Call {
    FloatMap input;        // before unpooling, when `unpool_codes` are set
    CodeMap unpool_codes;  // 5×5 kernels only
    FloatMap add;          // added to the unpooled input, when its data are set
    FloatMap output;       // data may be null when only the pooled result is wanted
    FloatMap pooled;       // data null: no pooling
    CodeMap codes;
    const Region* tiles = nullptr;          // tiles of the output to compute; what they read must have been computed
    const Region* pooled_region = nullptr;  // of the pooled output, inside those tiles
    bool relu = false;
    int threads = 1;
  };
  void run(const Call& call) const;

 private:
  struct Piece;
  struct Block;
  struct Scratch;
  std::vector<Block> blocks(const Region& tiles) const;
  void transform_input(const Call& call, const Block& block, Scratch& scratch) const;
  void run_group(const Call& call, const Block& block, int group, Scratch& scratch) const;
  void write_piece(const Call& call, const Piece& piece, const float* sums, std::ptrdiff_t element_stride,
                   int out_block, Scratch& scratch) const;

  const Kernels* kernels_;
  int kernel_, side_;
  int in_blocks_, out_blocks_, groups_;
  int block_tiles_;        // tiles that are transformed together
  AlignedFloats weights_;  // [group][element][in block][in lane][group lanes]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
