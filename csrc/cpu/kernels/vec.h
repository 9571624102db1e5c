// Float vectors of the width this translation unit is compiled for, as GCC and Clang vector types.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

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

/// Argmax codes, widened to the lanes of a register. Compilers go through single lanes where no intrinsic names the
/// instruction.
inline __attribute__((always_inline)) VecInt load_codes(const std::uint8_t* codes) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecInt>(
      _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(codes))));
#elif defined(__AVX2__)
  return reinterpret_cast<VecInt>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(codes))));
#else
  typedef std::uint8_t Bytes __attribute__((vector_size(kVec), aligned(1), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const Bytes*>(codes), VecInt);
#endif
}

inline __attribute__((always_inline)) void store_codes(std::uint8_t* codes, VecInt v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(codes),
                   _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i whole = reinterpret_cast<__m256i>(v);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i_u*>(codes), _mm_packus_epi16(words, words));
#else
  for (int i = 0; i < kVec; ++i) codes[i] = static_cast<std::uint8_t>(v[i]);
#endif
}

}  // namespace
}  // namespace dim::cpu
