// Winograd convolution: F(2×2, 3×3) needs 4/9 of a direct convolution's products, F(2×4, 3×3) a third, F(2×2, 5×5) a
// little more. The patches and points are chosen so that rounding stays within twice that of a direct sum; F(4×4, 3×3),
// a quarter of the products, does not.
//
// Of these F(2×2, 3×3) alone keeps ties: where the input does not change along an axis, its outputs are equal to the
// bit (all but one element of the transform vanish), as those of a direct sum are. Pooling depends on that: flat
// pictures would have an argmax that rounding decides.
#pragma once

#include <cstddef>

#include "core/region.h"
#include "cpu/layers/batches.h"
#include "cpu/layers/map.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"

namespace dim::cpu {

class WinogradConv {
 public:
  static bool supports(int kernel) { return kernel == 3 || kernel == 5; }
  /// Zeros that an input map must have around it: partial patches read beyond the convolution's own border.
  static int border(int kernel) { return kernel / 2 + (supports(kernel) ? kMaxWindow - kernel : 0); }

  /// `keep_ties`: a pooling depends on the result.
  WinogradConv(const Kernels& kernels, const ConvWeights& weights, bool keep_ties);

  /// Output pixels of a patch.
  Size patch() const { return patch_; }
  /// Products per patch and pair of channels.
  int elements() const { return window_.height * window_.width; }

  /// Memory that each thread needs for a call.
  std::size_t scratch_floats() const { return input_floats() + sum_floats() + patch_.area() * patch_floats(); }

  struct Call {
    FloatMap input;        // before unpooling, when `unpool_codes` are set
    CodeMap unpool_codes;  // 5×5 kernels only
    FloatMap add;          // added to the unpooled input, when its data are set
    FloatMap output;       // data may be null when only the pooled result is wanted
    FloatMap pooled;       // data null: no pooling
    CodeMap codes;
    const Region* patches = nullptr;        // patches of the output to compute; what they read must have been computed
    const Region* pooled_region = nullptr;  // of the pooled output, inside those patches
    bool relu = false;
    const Team* team = nullptr;
  };
  void run(const Call& call) const;

 private:
  static constexpr int kMaxWindow = 6;

  // parts of a thread's scratch memory
  static std::size_t at(int n) { return static_cast<std::size_t>(n); }
  std::size_t patch_floats() const { return at(batch_patches_ * kLanes); }
  std::size_t input_floats() const { return at(elements() * in_blocks_) * patch_floats(); }
  std::size_t sum_floats() const { return at(elements() * kernels_->conv_group) * patch_floats(); }

  struct Scratch;
  void transform_input(const Call& call, const Batch& batch, Scratch& scratch) const;
  void run_group(const Call& call, const Batch& batch, int group, Scratch& scratch) const;
  void write_piece(const Call& call, const Piece& piece, const float* sums, std::ptrdiff_t element_stride,
                   int out_block, Scratch& scratch) const;

  const Kernels* kernels_;
  int kernel_;
  Size window_, patch_;
  int in_blocks_, out_blocks_, groups_;
  int batch_patches_;      // that are transformed together
  AlignedFloats weights_;  // [group][element][in block][in lane][group lanes]
  AlignedFloats bias_;
};

}  // namespace dim::cpu
