// What the layers share: aligned storage and reading of [out channel][in channel][ky][kx] weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "cpu/kernels/kernels.h"

namespace dim::cpu {

struct FreeAligned {
  void operator()(void* memory) const;
};
/// Memory aligned to cache lines, zero at first. Throws std::bad_alloc.
std::unique_ptr<void, FreeAligned> allocate_aligned(std::size_t bytes);

/// An array in such memory.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t count) : storage_(allocate_aligned(count * sizeof(T))), count_(count) {}

  std::size_t size() const { return count_; }
  T* data() { return static_cast<T*>(storage_.get()); }
  const T* data() const { return static_cast<const T*>(storage_.get()); }

 private:
  std::unique_ptr<void, FreeAligned> storage_;
  std::size_t count_ = 0;
};

using AlignedFloats = AlignedArray<float>;
using AlignedBytes = AlignedArray<std::byte>;

/// A layer's shape and its weights, owned by someone else.
struct ConvWeights {
  int in_channels = 0;
  int out_channels = 0;
  int kernel = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
  const std::int8_t* int8 = nullptr;  // the weights without their scales, or null; then `weight` may be null
  const float* scale = nullptr;       // with `int8`, by output channel: of products of these and bytes of the input

  /// Zero for the channels that fill up a block. Of int8 weights, where those are all that there is, with their scales.
  float tap(int o, int i, int ky, int kx) const {
    if (weight != nullptr || o >= out_channels) return tap_of(weight, o, i, ky, kx);
    return static_cast<float>(int8_tap(o, i, ky, kx)) * scale[o];
  }
  std::int8_t int8_tap(int o, int i, int ky, int kx) const { return tap_of(int8, o, i, ky, kx); }

  AlignedFloats padded_bias(int lanes) const { return padded(bias, lanes); }
  AlignedFloats padded_scale(int lanes) const { return padded(scale, lanes); }

 private:
  template <typename T>
  T tap_of(const T* values, int o, int i, int ky, int kx) const {
    if (o >= out_channels || i >= in_channels) return T{};
    const auto k = static_cast<std::size_t>(kernel);
    const std::size_t plane =
        static_cast<std::size_t>(o) * static_cast<std::size_t>(in_channels) + static_cast<std::size_t>(i);
    return values[(plane * k + static_cast<std::size_t>(ky)) * k + static_cast<std::size_t>(kx)];
  }
  AlignedFloats padded(const float* values, int lanes) const {
    AlignedFloats padded(static_cast<std::size_t>(lanes));
    std::copy(values, values + out_channels, padded.data());
    return padded;
  }
};

inline int blocks_of(int channels) { return (channels + kLanes - 1) / kLanes; }

}  // namespace dim::cpu
