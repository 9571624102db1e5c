// Direct convolution of a quantized map: bytes times int8 weights, summed as whole numbers.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class QuantizedConv final : public ConvStep {
 public:
  /// The weights are the int8 ones.
  QuantizedConv(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kPixel; }
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;

 private:
  void run_slab(const ConvCall& call, const Slab& slab, int group, float* scratch) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_, kernel_;
  bool relu_;
  AlignedArray<std::int8_t> weights_;  // [group][in block][ky][kx][kLanes / 4][group lanes][4 in lanes]
  AlignedFloats scale_, bias_;
};

}  // namespace dim::cpu
