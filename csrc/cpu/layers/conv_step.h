// A convolution as a step of a run: packed weights, and the algorithm that computes with them.
#pragma once

#include <cstddef>
#include <memory>

#include "core/region.h"
#include "cpu/layers/map.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"

namespace dim::cpu {

inline constexpr Size kPixel = {1, 1};
inline constexpr Size kQuad = {2, 2};  // of pooling and unpooling

/// What a convolution reads and writes. Of input, output and pooled result the one has data that ConvSpec says; a map
/// without data still has its layout.
struct ConvCall {
  FloatMap input;  // before unpooling, for one that unpools
  QuantizedMap quantized_input;
  CodeMap unpool_codes;  // only for one that unpools
  FloatMap add;          // only for one that adds: to the unpooled input, and quantized where that is
  QuantizedMap quantized_add;
  FloatMap output;  // neither has data when only the pooled result is wanted
  QuantizedMap quantized_output;
  FloatMap pooled;
  QuantizedMap quantized_pooled;
  CodeMap codes;                          // data null: no pooling
  const Region* region = nullptr;         // of the output, in patches; what they read must have been computed
  Size patch = kPixel;                    // what `patch_for` said for the whole region
  const Region* pooled_region = nullptr;  // of the pooled output, inside of `region`
  const Team* team = nullptr;

  bool pools() const { return codes.data != nullptr; }
};

class ConvStep {
 public:
  virtual ~ConvStep() = default;
  /// Output pixels that are computed at once where these pixels are wanted.
  virtual Size patch_for(const Region& pixels) const = 0;
  virtual void run(const ConvCall& call) const = 0;
  /// Memory that each thread takes.
  virtual std::size_t scratch_bytes() const = 0;
  /// Whether its products are those of whole numbers.
  virtual bool computes_in_int8() const { return false; }
};

enum class Algorithm {
  best,         // what is fastest and keeps the promises of csrc/cpu/README.md
  direct,       // sums of products, or a gather of them
  winograd,     // kernels of 5×5, and plain ones of 3×3
  row_winograd  // the same
};

struct ConvSpec {
  ConvWeights weights;     // int8 ones for a plain convolution of a quantized map
  int level = 0;           // of the maps
  int in_lanes = kLanes;   // of the input map: 4 or 16
  int out_lanes = kLanes;  // 16, or 1 for a single channel that is stored without blocks
  bool unpools = false;
  bool adds = false;        // another map to the unpooled one
  bool same_steps = false;  // of both, where they are quantized
  bool keep_ties = false;   // a pooling depends on the result
  bool relu = false;
  bool quantized_in = false;  // the input map is
  bool quantized_out = false;
};

/// Packs the weights. `kernels` must live longer.
std::unique_ptr<ConvStep> make_conv_step(const KernelTables& kernels, const ConvSpec& spec,
                                         Algorithm algorithm = Algorithm::best);

}  // namespace dim::cpu
