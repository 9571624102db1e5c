// The weights in the payload of a CPU plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace dim::cpu {

inline constexpr std::size_t kTensorAlignment = 64;
inline constexpr int kMaxChannels = 1 << 14;

struct Int8Tensor {
  std::vector<std::int8_t> values;
  std::vector<float> scale;  // by output channel: the first dimension
};

class Tensors {
 public:
  /// `data` must live longer.
  Tensors(const std::uint8_t* data, std::size_t bytes) : data_(data), bytes_(bytes) {}

  /// The tensor that `json` describes, as float32. Throws PlanError unless it is there, finite and of this shape.
  std::vector<float> read(const Json& json, const std::vector<std::size_t>& shape) const;
  /// The same of one that is stored as int8, as it is, and its scales.
  Int8Tensor read_int8(const Json& json, const std::vector<std::size_t>& shape) const;

 private:
  static std::size_t checked_count(const Json& json, const std::vector<std::size_t>& shape);
  std::vector<float> scales(const Json& json, std::size_t channels) const;
  const std::uint8_t* at(const Json& offset, std::size_t count, std::size_t width) const;
  std::vector<float> stored(const Json& json, const std::vector<std::size_t>& shape) const;

  const std::uint8_t* data_;
  std::size_t bytes_;
};

}  // namespace dim::cpu
