// What the CUDA kernels, their twins on the host and their callers agree on. Compiles with nvcc and without CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/image.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define DIM_HD __host__ __device__
#else
#define DIM_HD
#endif

namespace dim::cuda {

enum class Type { kFloat32, kFloat16 };

/// kLinear: [n][channels][height][width]. kHwc8: [n][height][width][channels, padded to a multiple of 8], float16 only.
enum class Layout { kLinear, kHwc8 };

struct MapShape {
  int n = 0;
  int channels = 0;
  Size size;
};

enum class AlphaType { kFloat32, kUint8 };

/// H×W pixels of alpha to write: float32 in 0..1 or uint8 in 0..255.
struct AlphaTarget {
  void* data = nullptr;
  AlphaType type = AlphaType::kFloat32;
  Size size;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t pixel_stride_bytes = 0;
  bool clamp = true;  // what the network says, to 0..1
  // Of float32, as MapView's.
  float share = 1.0f;
  bool adds = false;
};

/// Rows top..bottom-1 and columns left..right-1; empty where bottom <= top.
struct Box {
  int top = 0;
  int left = 0;
  int bottom = 0;
  int right = 0;
};

/// float16 as its bits, which every compiler can hold.
struct Half {
  std::uint16_t bits = 0;
};

/// `core/image.h`'s, callable on the device too.
DIM_HD inline bool unknown(std::uint8_t value) { return value != kKnownZero && value != kKnownOne; }

DIM_HD inline float to_float(float value) { return value; }

DIM_HD inline float to_float(Half value) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(value.bits));
#else
  const std::uint32_t sign = (value.bits & 0x8000u) << 16, magnitude = value.bits & 0x7fffu;
  std::uint32_t bits = sign | ((magnitude << 13) + 0x38000000u);
  if (magnitude >= 0x7c00u) bits = sign | 0x7f800000u | (magnitude << 13);
  float result;
  std::memcpy(&result, &bits, sizeof result);
  if (magnitude >= 0x0400u) return result;
  const float subnormal = static_cast<float>(magnitude) / 16777216.0f;  // 2^24
  return sign != 0 ? -subnormal : subnormal;
#endif
}

/// To the nearest, ties to even.
template <typename T>
DIM_HD T from_float(float value);

template <>
DIM_HD inline float from_float<float>(float value) {
  return value;
}

template <>
DIM_HD inline Half from_float<Half>(float value) {
#ifdef __CUDA_ARCH__
  return {__half_as_ushort(__float2half_rn(value))};
#else
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) {
    bits = 0x7fffu;  // NaN
  } else if (bits >= 0x477ff000u) {
    bits = 0x7c00u;  // from 65520 on, infinity
  } else if (bits < 0x38800000u) {
    float magnitude;  // subnormal: the last bit of numbers just above 0.5 is worth as much as half's
    std::memcpy(&magnitude, &bits, sizeof bits);
    magnitude += 0.5f;
    std::memcpy(&bits, &magnitude, sizeof bits);
    bits -= 0x3f000000u;
  } else {
    bits = (bits + 0xfffu + ((bits >> 13) & 1u) - 0x38000000u) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | bits)};
#endif
}

}  // namespace dim::cuda
