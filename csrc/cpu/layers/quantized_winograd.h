// Winograd convolution F(2×4, 3×3) of a quantized map, in whole numbers: a third of a direct convolution's products, of
// 16 bits, and the same results to the bit. See kernels/quantized.h.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class QuantizedWinograd final : public ConvStep {
 public:
  /// 16 times a sum must fit 32 bits, too.
  static bool supports(const KernelTables& kernels, const ConvWeights& weights) {
    constexpr int kMostChannels = 0x7fffffff / ((9 * kQuantizedMax * kQuantizedMax) << kWholeShift);
    return kernels.quantized->winograd_sums != nullptr && weights.kernel == 3 && weights.in_channels <= kMostChannels;
  }

  /// The weights are the int8 ones.
  QuantizedWinograd(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kWholePatch; }
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;
  bool computes_in_int8() const override { return true; }

  /// Products per patch and pair of channels.
  static constexpr int kElements = kWholeWindow.height * kWholeWindow.width;

 private:
  struct Scratch;
  Scratch scratch_of(std::byte* memory) const;
  void transform_input(const ConvCall& call, const Batch& batch, const Scratch& scratch) const;
  void run_group(const ConvCall& call, const Batch& batch, int group, const Scratch& scratch) const;
  void write_piece(const ConvCall& call, const Piece& piece, const std::int32_t* sums, std::ptrdiff_t element_stride,
                   int block, const Scratch& scratch) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_, groups_;
  bool relu_;
  int batch_patches_;                   // that are transformed together
  AlignedArray<std::int16_t> weights_;  // [group][element][in block][8][group lanes][2 in lanes]
  AlignedFloats scale_, bias_;
};

}  // namespace dim::cpu
