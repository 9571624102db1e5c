// Direct convolution in blocks of 16 channels.
#pragma once

#include <vector>

#include "core/region.h"
#include "cpu/layers/map.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"

namespace dim::cpu {

/// "Same" convolution over a region, with bias, optional ReLU and optional 2×2 max pooling.
class DenseConv {
 public:
  /// `in_lanes`: of the input map, 4 or 16.
  DenseConv(const Kernels& kernels, const ConvWeights& weights, int in_lanes);

  struct Call {
    FloatMap input;
    FloatMap output;  // data may be null when only the pooled result is wanted
    FloatMap pooled;  // data null: no pooling
    CodeMap codes;
    const Region* region = nullptr;         // of the output; holds every window of `pooled_region`
    const Region* pooled_region = nullptr;  // of the pooled output
    bool accumulate = false;                // add to what is in `output` instead of the bias
    bool relu = false;
    const Team* team = nullptr;
  };
  void run(const Call& call) const;

 private:
  struct Slab {
    int y0, y1, x0, x1;
  };
  static std::vector<Slab> slabs(const Region& region);
  void run_slab(const Call& call, const Slab& slab, int group, float* scratch) const;

  const Kernels* kernels_;
  int in_blocks_, out_blocks_, in_lanes_, kernel_;
  int chunk_blocks_;       // input blocks whose weights for a group fit the cache
  AlignedFloats weights_;  // [group][in block][ky][kx][in lane][group lanes]
  AlignedFloats bias_;
};

/// Convolution to a single channel, stored without blocks.
class HeadConv {
 public:
  HeadConv(const Kernels& kernels, const ConvWeights& weights);
  void run(const FloatMap& input, const FloatMap& output, const Region& region, bool relu, const Team& team) const;

 private:
  const Kernels* kernels_;
  int in_blocks_, kernel_;
  AlignedFloats weights_;  // [in block][ky][kx][16]
  float bias_;
};

}  // namespace dim::cpu
