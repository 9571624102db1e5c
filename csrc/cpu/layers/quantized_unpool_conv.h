// Convolution of a quantized map that is unpooled on the way: a gather as UnpoolConv's, but of dot products, over lists
// of four channels that are not all zero. For instruction sets whose dot products take all bytes.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class QuantizedUnpoolConv final : public ConvStep {
 public:
  /// The weights are the int8 ones.
  QuantizedUnpoolConv(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kQuad; }
  /// The input's border is at least `unpool_reach`.
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;
  bool computes_in_int8() const override { return true; }

 private:
  void run_batch(const ConvCall& call, const Batch& batch, int first_block, int last_block,
                 const UnpoolLists<FourBytes>& lists, std::int32_t* sums) const;
  void collect(const ConvCall& call, const Batch& batch, int first_block, const UnpoolLists<FourBytes>& lists) const;
  int cells_of(const Piece& piece) const { return piece.x1 - piece.x0 + 2 * reach_; }  // in a row
  std::ptrdiff_t weights_at(int out_block, int in_block) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_;
  int kernel_, reach_;
  int row_taps_;  // the kernel's and a zero, for a quad's pixel that does not read what the one beside it reads
  bool relu_;
  AlignedArray<std::int8_t> weights_;  // [out block] a zero, then [in lanes / 4][tap row][row_taps], each [16][4 in]
  AlignedFloats scale_, bias_;
};

}  // namespace dim::cpu
