// Direct convolution of a quantized map, or of the sum of an unpooled one and another: bytes times int8 weights, summed
// as whole numbers.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class QuantizedConv final : public ConvStep {
 public:
  /// The weights are the int8 ones.
  QuantizedConv(const KernelTables& kernels, const ConvSpec& spec);

  Size patch_for(const Region& /*pixels*/) const override { return kPixel; }
  /// Where the call has codes, its two maps have steps of the same size.
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;
  bool computes_in_int8() const override { return true; }

 private:
  struct Source;
  std::size_t result_bytes() const;
  Source unpooled_sum(const ConvCall& call, const Slab& slab, std::uint8_t* memory) const;
  void run_slab(const ConvCall& call, const Slab& slab, int group, std::byte* memory) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_, kernel_;
  bool sums_, relu_;
  AlignedArray<std::int8_t> weights_;  // [group][in block][ky][kx][kLanes / 4][group lanes][4 in lanes]
  AlignedFloats scale_, bias_;
};

}  // namespace dim::cpu
