// Layers of the CPU backend one by one, on plain [channel][y][x] arrays: packed, run on a
// chosen kernel set as often as wanted, and its result unpacked.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/size.h"
#include "cpu/kernels/kernels.h"
#include "cpu/layers/conv_step.h"

namespace dim::testing {

struct Planes {
  int channels = 0;
  Size size;
  const float* data = nullptr;
};

struct LayerOptions {
  cpu::KernelTables kernels;
  int threads = 1;
  bool relu = false;
  cpu::Algorithm algorithm = cpu::Algorithm::direct;
  bool keep_ties = false;
  bool quantized = false;  // the input's values are whole numbers of 0 to 127, kept as bytes
  float add_scale = 1.0f;  // of a quantized sum: a step of what is added, in steps of the input
  float out_scale = 0.0f;  // of a quantized result, whose values are such numbers; 0: of one with floats
};

/// A layer with packed weights, input and room for its output.
class SingleLayer {
 public:
  virtual ~SingleLayer() = default;
  virtual void run() = 0;
  /// What it has computed, [out channel][y][x]; of a pooled one that is kept alone.
  virtual std::vector<float> values() const = 0;
  /// Argmax codes, for those that pool.
  virtual std::vector<std::uint8_t> codes() const { return {}; }
};

/// "Same" convolution with bias; with `pool`, which takes even sides, 2×2 max pooling with argmax codes follows.
std::unique_ptr<SingleLayer> make_conv2d(const Planes& input, const cpu::ConvWeights& weights, bool pool,
                                         const LayerOptions& options);

/// The same convolution of `input` unpooled with `codes` (plus `add`, of twice the size, when its data are set).
std::unique_ptr<SingleLayer> make_unpool_conv2d(const Planes& input, const std::uint8_t* codes, const Planes& add,
                                                const cpu::ConvWeights& weights, const LayerOptions& options);

}  // namespace dim::testing
