// Convolution of a map that is unpooled on the way. Only the quarter that unpooling fills is multiplied, and of that
// only what ReLU left: a gather over lists of non-zero values.
#pragma once

#include "core/region.h"
#include "cpu/layers/batches.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"
#include "cpu/map.h"

namespace dim::cpu {

class UnpoolConv {
 public:
  UnpoolConv(const Kernels& kernels, const ConvWeights& weights);

  struct Call {
    FloatMap input;  // before unpooling
    CodeMap codes;
    FloatMap output;
    const Region* quads = nullptr;  // the 2×2 output windows to compute, at the input's size
    bool accumulate = false;        // add to what is in `output` instead of the bias
    bool relu = false;
    const Team* team = nullptr;
  };
  void run(const Call& call) const;

  /// How many cells (input pixels) around a quad's own contribute to it.
  static int reach(int kernel) { return (kernel / 2 + 1) / 2; }

 private:
  struct Scratch;
  void run_tile(const Call& call, const Batch& tile, int first_group, int last_group, Scratch& scratch) const;
  void list_entries(const Call& call, const Batch& tile, int channel, int lanes, Scratch& scratch) const;
  void collect_row(const Call& call, const Piece& piece, int dy, int channel, int lanes, Scratch& scratch) const;

  const Kernels* kernels_;
  int in_channels_, out_lanes_, groups_;
  int reach_;
  int taps_;               // side of the zero-padded kernel, in which every cell, code and output pixel finds a tap
  int origin_;             // row and column of the tap from a quad's own cell, code 0, to its output pixel (0, 0)
  AlignedFloats weights_;  // [group][in channel][tap row][tap column][unpool_group]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
