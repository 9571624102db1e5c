// Direct convolution in blocks of 16 channels.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

/// "Same" convolution over a region, with bias, optional ReLU and optional 2×2 max pooling.
class DenseConv final : public ConvStep {
 public:
  /// `in_lanes`: of the input map, 4 or 16.
  DenseConv(const KernelTables& kernels, const ConvWeights& weights, int in_lanes, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kPixel; }
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;

  /// Single pixels, the same to the bit: one group of blocks from `input`, [in block][ky][kx][pixel][16], to rows of
  /// them, [block][pixel][16], blocks `out_block_stride` apart.
  void run_gathered(const float* input, int pixels, int group, float* output, std::ptrdiff_t out_block_stride) const;

 private:
  int blocks_in(int group) const;
  ConvArgs args_of(int group, int first_in_block) const;
  void run_slab(const ConvCall& call, const Slab& slab, int group, float* scratch) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_, in_lanes_, kernel_;
  int chunk_blocks_;  // input blocks whose weights for a group fit the cache
  bool relu_;
  AlignedFloats weights_;  // [group][in block][ky][kx][in lane][group lanes]
  AlignedFloats bias_;
};

/// Convolution to a single channel, stored without blocks.
class HeadConv final : public ConvStep {
 public:
  HeadConv(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kPixel; }
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override { return 0; }

 private:
  KernelTables kernels_;
  int in_blocks_, kernel_;
  bool relu_;
  AlignedFloats weights_;  // [in block][ky][kx][16]
  float bias_;
};

}  // namespace dim::cpu
