#include "cpu/ops/tensors.h"

#include <cmath>
#include <cstring>

#include "base/error.h"

namespace dim::cpu {
namespace {

[[noreturn]] void fail(const Json& json, const std::string& problem) { throw PlanError(json.path() + ": " + problem); }

float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const auto mantissa = static_cast<float>(half & 1023);
  float magnitude;
  if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else if (exponent == 31)
    magnitude = mantissa == 0.0f ? INFINITY : NAN;
  else
    magnitude = std::ldexp(mantissa + 1024.0f, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

std::vector<float> floats(const std::uint8_t* data, std::size_t count) {
  std::vector<float> out(count);
  std::memcpy(out.data(), data, count * sizeof(float));
  return out;
}

}  // namespace

const std::uint8_t* Tensors::at(const Json& offset_json, std::size_t count, std::size_t width) const {
  const auto offset = static_cast<std::size_t>(offset_json.integer(0, std::int64_t{1} << 40));
  if (offset % kTensorAlignment != 0) fail(offset_json, "expected a multiple of " + std::to_string(kTensorAlignment));
  if (offset > bytes_ || count > (bytes_ - offset) / width) fail(offset_json, "the tensor lies outside the file");
  return data_ + offset;
}

std::vector<float> Tensors::read(const Json& json, const std::vector<std::size_t>& expected) const {
  std::vector<float> values = stored(json, expected);
  for (const float value : values)
    if (!std::isfinite(value)) fail(json, "the tensor holds NaN or infinity; rebuild the plan from sound weights");
  return values;
}

std::size_t Tensors::checked_count(const Json& json, const std::vector<std::size_t>& expected) {
  const auto& shape = json.at("shape").array();
  if (shape.size() != expected.size())
    fail(json, "expected " + std::to_string(expected.size()) + " dimensions, got " + std::to_string(shape.size()));
  std::size_t count = 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (static_cast<std::size_t>(shape[i].integer(1, kMaxChannels)) != expected[i])
      fail(json, "dimension " + std::to_string(i) + ": expected " + std::to_string(expected[i]));
    count *= expected[i];
  }
  return count;
}

std::vector<float> Tensors::scales(const Json& json, std::size_t channels) const {
  return floats(at(json.at("scale_offset"), channels, 4), channels);
}

Int8Tensor Tensors::read_int8(const Json& json, const std::vector<std::size_t>& expected) const {
  const std::size_t count = checked_count(json, expected);
  if (json.at("dtype").string() != "int8") fail(json, "expected int8, which a quantized value is convolved with");
  const std::uint8_t* data = at(json.at("offset"), count, 1);
  Int8Tensor tensor{std::vector<std::int8_t>(count), scales(json, expected[0])};
  std::memcpy(tensor.values.data(), data, count);
  for (const std::int8_t value : tensor.values)
    if (value == -128) fail(json, "expected numbers from -127 to 127, got -128");
  for (const float scale : tensor.scale)
    if (!std::isfinite(scale)) fail(json, "the scales hold NaN or infinity; rebuild the plan from sound weights");
  return tensor;
}

std::vector<float> Tensors::stored(const Json& json, const std::vector<std::size_t>& expected) const {
  const std::size_t count = checked_count(json, expected);
  const std::string& dtype = json.at("dtype").string();
  if (dtype == "float32") return floats(at(json.at("offset"), count, 4), count);
  std::vector<float> out(count);
  if (dtype == "float16") {
    const std::uint8_t* data = at(json.at("offset"), count, 2);
    for (std::size_t i = 0; i < count; ++i)
      out[i] = half_to_float(static_cast<std::uint16_t>(data[2 * i] | data[2 * i + 1] << 8));
  } else if (dtype == "int8") {
    const std::uint8_t* data = at(json.at("offset"), count, 1);
    const std::vector<float> scale = scales(json, expected[0]);
    const std::size_t per_channel = count / expected[0];
    for (std::size_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(static_cast<std::int8_t>(data[i])) * scale[i / per_channel];
  } else {
    fail(json, "unknown dtype '" + dtype + "'; upgrade dim_trt or rebuild the plan");
  }
  return out;
}

}  // namespace dim::cpu
