// Single operations on plain [channel][y][x] arrays, for tests and kernel benchmarks: they pack, run one layer on a
// chosen kernel set and unpack.
#pragma once

#include <cstdint>
#include <vector>

#include "core/image.h"
#include "cpu/kernels/kernels.h"
#include "cpu/layers/packing.h"

namespace dim::cpu {

struct Planes {
  int channels = 0;
  Size size;
  const float* data = nullptr;
};

struct Pooled {
  std::vector<float> values;
  std::vector<std::uint8_t> codes;
};

struct OperatorOptions {
  const Kernels* kernels = nullptr;
  int threads = 1;
  bool relu = false;
  bool winograd = false;   // 3×3 and 5×5 kernels, unpooling ones 5×5 only
  bool keep_ties = false;  // with winograd
};

/// "Same" convolution with bias, [out channel][y][x].
std::vector<float> conv2d(const Planes& input, const ConvWeights& weights, const OperatorOptions& options);

/// The same, then 2×2 max pooling with argmax codes; only the pooled result is kept. Even sides.
Pooled conv2d_max_pool(const Planes& input, const ConvWeights& weights, const OperatorOptions& options);

/// The same convolution of `input` unpooled with `codes` (plus `add`, of twice the size, when its data are set).
std::vector<float> unpool_conv2d(const Planes& input, const std::uint8_t* codes, const Planes& add,
                                 const ConvWeights& weights, const OperatorOptions& options);

}  // namespace dim::cpu
