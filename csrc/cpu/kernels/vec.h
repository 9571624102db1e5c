// Float vectors of the width this translation unit is compiled for, as GCC and Clang vector types.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef DIM_VECTOR_BYTES
#error "DIM_VECTOR_BYTES: the unit's vector width"
#endif

namespace dim::cpu {
namespace {

constexpr int kVec = DIM_VECTOR_BYTES / 4;  // floats per vector

typedef float Vec __attribute__((vector_size(DIM_VECTOR_BYTES)));
typedef std::int32_t VecInt __attribute__((vector_size(DIM_VECTOR_BYTES)));
typedef float VecUnaligned __attribute__((vector_size(DIM_VECTOR_BYTES), aligned(4), may_alias));

inline __attribute__((always_inline)) Vec load(const float* p) { return *reinterpret_cast<const VecUnaligned*>(p); }

inline __attribute__((always_inline)) void store(float* p, Vec v) { *reinterpret_cast<VecUnaligned*>(p) = v; }

inline __attribute__((always_inline)) Vec splat(float x) { return x - Vec{}; }

inline __attribute__((always_inline)) Vec relu(Vec v) { return v > Vec{} ? v : Vec{}; }

inline __attribute__((always_inline)) float sum(Vec v) {
  float total = 0.0f;
  for (int i = 0; i < kVec; ++i) total += v[i];
  return total;
}

}  // namespace
}  // namespace dim::cpu
