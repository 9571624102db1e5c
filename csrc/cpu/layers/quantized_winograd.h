// Winograd convolution F(2×2, 3×3) of a quantized map, in whole numbers: 4/9 of a direct convolution's products, of 16
// bits, and the same results to the bit. For instruction sets without dot products of bytes.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class QuantizedWinograd final : public ConvStep {
 public:
  /// Four times a sum must fit 32 bits, too.
  static bool supports(const KernelTables& kernels, const ConvWeights& weights) {
    constexpr int kMostChannels = 0x7fffffff / (4 * 9 * kQuantizedMax * kQuantizedMax);
    return kernels.quantized->winograd_sums != nullptr && weights.kernel == 3 && weights.in_channels <= kMostChannels;
  }

  /// The weights are the int8 ones.
  QuantizedWinograd(const KernelTables& kernels, const ConvWeights& weights, bool relu);

  Size patch_for(const Region& /*pixels*/) const override { return kQuad; }
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;
  bool computes_in_int8() const override { return true; }

  static constexpr int kElements = 16;

 private:
  struct Scratch {
    float* result;        // rows of one piece and block, where they are not stored as they are
    std::int32_t* sums;   // [element][patch][16]
    std::int16_t* input;  // [element][in block][patch][16]
  };
  Scratch scratch_of(std::byte* memory) const;
  void transform_input(const ConvCall& call, const Batch& batch, const Scratch& scratch) const;
  void run_block(const ConvCall& call, const Batch& batch, int block, const Scratch& scratch) const;
  void write_piece(const ConvCall& call, const Piece& piece, const std::int32_t* sums, std::ptrdiff_t element_stride,
                   int block, const Scratch& scratch) const;

  KernelTables kernels_;
  int in_blocks_, out_blocks_;
  bool relu_;
  int batch_patches_;                   // that are transformed together
  AlignedArray<std::int16_t> weights_;  // [block][element][in block][8][16][2 in lanes]
  AlignedFloats scale_, bias_;
};

}  // namespace dim::cpu
