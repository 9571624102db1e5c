// Convolution of a map that is unpooled on the way. Only the quarter that unpooling fills is multiplied, and of that
// only what ReLU left: a gather over lists of non-zero values.
#pragma once

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

class UnpoolConv final : public ConvStep {
 public:
  /// `accumulate`: adds to what is in the output, which then holds floats, instead of the bias.
  UnpoolConv(const KernelTables& kernels, const ConvSpec& spec, bool accumulate);

  Size patch_for(const Region& /*pixels*/) const override { return kQuad; }
  /// The input's border is at least `unpool_reach`.
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override;

 private:
  void run_batch(const ConvCall& call, const Batch& batch, int first_group, int last_group,
                 const UnpoolLists<float>& lists, float* sums) const;
  template <typename Value>
  void collect_pieces(const ConvCall& call, const Batch& batch, int channel, const UnpoolLists<float>& lists,
                      const Map<Value>& values, void (*kernel)(const UnpoolCollectArgs<Value>&)) const;
  void collect(const ConvCall& call, const Batch& batch, int channel, const UnpoolLists<float>& lists) const;
  int cells_of(const Piece& piece) const { return piece.x1 - piece.x0 + 2 * reach_; }  // in a row
  std::ptrdiff_t weights_at(int group, int channel) const;
  int block_groups() const { return kLanes / kernels_.floats->unpool_group; }
  std::size_t sums_bytes() const;

  KernelTables kernels_;
  int in_channels_, groups_;
  int kernel_, reach_;
  int row_taps_;  // the kernel's and a zero, for a quad's pixel that does not read what the one beside it reads
  bool accumulate_, relu_, quantized_in_, quantized_out_;
  AlignedFloats weights_;  // [group] a zero, then [in channel][tap row][row_taps], each [unpool_group]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
