// Winograd convolution along rows alone: F(4, 3) needs half of a direct convolution's products, F(2, 5) three fifths;
// the rows of a kernel are summed as in a direct convolution.
//
// That is more than in both directions (winograd_conv.h), but each row of input is transformed once for all rows of a
// kernel, and a sum has as many more terms: thin layers, whose time is transforms and memory, take less of both. And it
// rounds less.
#pragma once

#include <cstddef>

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class RowWinogradConv final : public ConvStep {
 public:
  /// Kernels of 3×3, where no pooling depends on the result, and 5×5.
  RowWinogradConv(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  /// Output pixels of a patch.
  Size patch() const { return {1, kWindow + 1 - kernel_}; }
  /// Per patch and pair of channels.
  int products() const { return kWindow * kernel_; }

  Size patch_for(const Region& /*pixels*/) const override { return patch(); }
  /// As WinogradConv::run, without pooling.
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;

 private:
  static constexpr int kWindow = 6;

  struct Scratch;
  // a slab is of patches here: rows that are computed together, and which of their columns
  std::vector<Slab> slabs(const Region& patches) const;
  void transform_input(const ConvCall& call, const Slab& slab, float* transformed) const;
  void run_group(const ConvCall& call, const Slab& slab, int group, const Scratch& scratch) const;
  void write_block(const ConvCall& call, const Slab& slab, const Scratch& scratch, const float* sums,
                   std::ptrdiff_t element_stride, int out_block) const;

  // what a slab's transformed input and sums look like; strides in floats
  std::ptrdiff_t in_block_stride(const Slab& slab) const;
  std::ptrdiff_t in_element_stride(const Slab& slab) const;
  std::size_t row_floats() const { return static_cast<std::size_t>(most_columns_ * patch().width * kLanes); }

  KernelTables kernels_;
  int kernel_;
  int in_blocks_, out_blocks_, groups_;
  bool relu_;
  int most_columns_;       // of a slab
  AlignedFloats weights_;  // [group][element][in block][ky][in lane][group lanes]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
