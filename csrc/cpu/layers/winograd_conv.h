// Winograd convolution: F(2×4, 3×3) needs a third of a direct convolution's products, F(2×2, 5×5) a little more. The
// patches and points are chosen so that rounding stays within twice that of a direct sum; F(4×4, 3×3), a quarter of the
// products, does not.
//
// Where the input does not change along an axis, the outputs of a direct sum are equal to the bit. Pooling depends on
// that: flat pictures would have an argmax that rounding decides. Such ties are kept with a direct convolution, see
// winograd_ties.h.
#pragma once

#include <cstddef>
#include <memory>

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"
#include "cpu/layers/dense_conv.h"
#include "cpu/layers/results.h"

namespace dim::cpu {

class WinogradConv final : public ConvStep {
 public:
  static bool supports(int kernel) { return kernel == 3 || kernel == 5; }
  /// Zeros that an input map must have around it: partial patches read beyond the convolution's own border.
  static int border(int kernel) { return kernel / 2 + (supports(kernel) ? kMaxWindow - kernel : 0); }

  /// `ties`: the same convolution, for kernels of 3×3 whose result a pooling depends on, or null.
  WinogradConv(const KernelTables& kernels, const ConvWeights& weights, std::shared_ptr<const DenseConv> ties,
               bool relu);

  /// Output pixels of a patch.
  Size patch() const { return patch_; }
  /// Per patch and pair of channels.
  int products() const { return elements(); }

  Size patch_for(const Region& /*pixels*/) const override { return patch_; }
  /// Unpools with codes, for kernels of 5×5, where their data are set, and adds where that map's are.
  void run(const ConvCall& call) const override;
  std::size_t scratch_bytes() const override {
    return (input_floats() + sum_floats() + patch_.area() * patch_floats()) * sizeof(float);
  }

 private:
  static constexpr int kMaxWindow = 6;

  int elements() const { return window_.height * window_.width; }
  // parts of a thread's scratch memory
  static std::size_t at(int n) { return static_cast<std::size_t>(n); }
  std::size_t patch_floats() const { return at(batch_patches_ * kLanes); }
  std::size_t input_floats() const { return at(elements() * in_blocks_) * patch_floats() + at(elements() * kLanes); }
  std::size_t sum_floats() const {
    return at(elements() * kernels_.floats->conv_group) * patch_floats() + at(elements() * kLanes);
  }

  struct Scratch;
  /// Groups of output blocks.
  struct Groups {
    int begin, end;
  };
  void transform_input(const ConvCall& call, const Batch& batch, Scratch& scratch) const;
  void compute_ties(const ConvCall& call, Groups groups, Scratch& scratch) const;
  void multiply(const Batch& patches, int group, Scratch& scratch) const;
  void write_group(const ConvCall& call, const Batch& batch, const Batch& patches, int group, Scratch& scratch) const;
  Results results_at(const ConvCall& call, const Piece& piece, int out_block, Scratch& scratch) const;
  void transform_sums(const ConvCall& call, const Piece& piece, const float* sums, std::ptrdiff_t element_stride,
                      const Results& results) const;
  void finish_piece(const ConvCall& call, const Piece& piece, const Results& results) const;
  int blocks_in(int group) const;

  KernelTables kernels_;
  int kernel_;
  Size window_, patch_;
  int in_blocks_, out_blocks_, groups_;
  bool relu_;
  std::shared_ptr<const DenseConv> ties_;
  int batch_patches_;      // that are transformed together
  AlignedFloats weights_;  // [group][element][in block][in lane][group lanes]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
