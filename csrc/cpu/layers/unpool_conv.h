// Convolution of a map that is unpooled on the way. Only the quarter that unpooling fills is multiplied, and of that
// only what ReLU left: a gather over lists of non-zero values.
#pragma once

#include "core/region.h"
#include "cpu/layers/batches.h"
#include "cpu/layers/map.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"

namespace dim::cpu {

class UnpoolConv {
 public:
  UnpoolConv(const Kernels& kernels, const ConvWeights& weights);

  struct Call {
    FloatMap input;  // before unpooling; the border is at least `unpool_reach`
    CodeMap codes;
    FloatMap output;
    const Region* quads = nullptr;  // the 2×2 output windows to compute, at the input's size
    bool accumulate = false;        // add to what is in `output` instead of the bias
    bool relu = false;
    const Team* team = nullptr;
  };
  void run(const Call& call) const;

  /// Memory that each thread needs for a call.
  std::size_t scratch_floats() const;

 private:
  void run_batch(const Call& call, const Batch& batch, int first_group, int last_group, const UnpoolLists& lists) const;
  void collect(const Call& call, const Batch& batch, int channel, const UnpoolLists& lists) const;
  void advance(UnpoolLists& lists, const Piece& piece) const;
  std::ptrdiff_t weights_at(int group, int channel) const;

  const Kernels* kernels_;
  int in_channels_, groups_;
  int kernel_, reach_;
  int row_taps_;  // the kernel's and a zero, for a quad's pixel that does not read what the one beside it reads
  AlignedFloats weights_;  // [group] a zero, then [in channel][tap row][row_taps], each [unpool_group]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
