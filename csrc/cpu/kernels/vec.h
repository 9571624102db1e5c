// Float vectors of the width this translation unit is compiled for, as GCC and Clang vector types.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "cpu/kernels/inline.h"
#include "cpu/kernels/kernels.h"

#ifndef DIM_VECTOR_BYTES
#error "DIM_VECTOR_BYTES: the unit's vector width"
#endif

namespace dim::cpu {
namespace {

constexpr int kVec = DIM_VECTOR_BYTES / 4;  // floats per vector

typedef float Vec __attribute__((vector_size(DIM_VECTOR_BYTES)));
typedef std::int32_t VecInt __attribute__((vector_size(DIM_VECTOR_BYTES)));
typedef float VecUnaligned __attribute__((vector_size(DIM_VECTOR_BYTES), aligned(4), may_alias));

DIM_INLINE Vec load(const float* p) { return *reinterpret_cast<const VecUnaligned*>(p); }

DIM_INLINE void store(float* p, Vec v) { *reinterpret_cast<VecUnaligned*>(p) = v; }

DIM_INLINE Vec splat(float x) { return x - Vec{}; }

/// 0, 1, 2, … by lane.
DIM_INLINE VecInt lane_numbers() {
  VecInt lane{};
  for (int i = 0; i < kVec; ++i) lane[i] = i;
  return lane;
}

DIM_INLINE Vec relu(Vec v) { return v > Vec{} ? v : Vec{}; }

/// A sum as Epilogue says; `base`: the bias, or what it is added to.
DIM_INLINE Vec finish(Vec sum, Vec base, bool with_relu) {
  sum += base;
  return with_relu ? relu(sum) : sum;
}

/// Of all lanes, by halves: one after the other would wait for each other.
DIM_INLINE float sum(Vec v) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const auto whole = reinterpret_cast<__m512>(v);
  const __m256 all =
      _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, whole, 0), _mm512_maskz_extractf32x8_ps(0xff, whole, 1));
#else
  const auto all = reinterpret_cast<__m256>(v);
#endif
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
#else
  return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}

/// Bytes, such as argmax codes, widened to the lanes of a register. Compilers go through single lanes where no
/// intrinsic names the instruction.
DIM_INLINE VecInt load_codes(const std::uint8_t* codes) {
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

DIM_INLINE void store_codes(std::uint8_t* codes, VecInt v) {
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

DIM_INLINE Vec load_values(const float* values) { return load(values); }

/// Those of a quantized map, as floats.
DIM_INLINE Vec load_values(const std::uint8_t* values) { return __builtin_convertvector(load_codes(values), Vec); }

/// A bit for each lane of a comparison's result.
DIM_INLINE unsigned lanes_where(VecInt mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask));
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(mask)));
#else
  unsigned bits = 0;
  for (int i = 0; i < kVec; ++i) bits |= (static_cast<unsigned>(mask[i]) & 1u) << i;
  return bits;
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/// For each set of lanes their numbers, in order.
struct LaneNumbers {
  constexpr LaneNumbers() : of() {
    for (int lanes = 0; lanes < 256; ++lanes)
      for (int i = 0, n = 0; i < 8; ++i)
        if (lanes >> i & 1) of[lanes][n++] = static_cast<std::uint8_t>(i);
  }
  std::uint8_t of[256][8];
};
constexpr LaneNumbers kLaneNumbers;
#endif

/// A register of values as a list's entries have them.
template <typename Value>
struct VecOf {
  typedef Vec type;
};
template <>
struct VecOf<std::int32_t> {
  typedef VecInt type;
};

/// Writes the chosen lanes as entries one after the other, and up to a whole register's.
template <typename Value>
DIM_INLINE void store_entries(UnpoolEntry<Value>* to, typename VecOf<Value>::type values, VecInt offsets,
                              unsigned lanes) {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>(lanes);
  const __m512i a = _mm512_maskz_compress_epi32(mask, reinterpret_cast<__m512i>(values));
  const __m512i b = _mm512_maskz_compress_epi32(mask, reinterpret_cast<__m512i>(offsets));
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  _mm512_storeu_si512(to, _mm512_permutex2var_epi32(a, low, b));
  if (__builtin_expect(__builtin_popcount(lanes) > 8, 0)) {
    const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    _mm512_storeu_si512(to + 8, _mm512_permutex2var_epi32(a, high, b));
  }
#elif defined(__AVX2__)
  const __m256i order =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(kLaneNumbers.of[lanes])));
  const __m256 a = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(values), order);
  const __m256 b = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(offsets), order);
  const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);  // 0 1 4 5, 2 3 6 7
  _mm256_storeu_ps(reinterpret_cast<float*>(to), _mm256_permute2f128_ps(low, high, 0x20));
  _mm256_storeu_ps(reinterpret_cast<float*>(to + 4), _mm256_permute2f128_ps(low, high, 0x31));
#else
  for (int i = 0, n = 0; i < kVec; ++i) {
    to[n] = {values[i], offsets[i]};
    n += static_cast<int>(lanes >> i & 1);
  }
#endif
}

/// The entry's value in all lanes, and its offset. One load where a broadcast needs none: loads are what multipliers
/// wait for.
template <typename Value>
DIM_INLINE typename VecOf<Value>::type load_entry(const UnpoolEntry<Value>* entry, std::ptrdiff_t& offset) {
  typedef typename VecOf<Value>::type Values;
#if defined(__AVX512F__)
  std::int64_t both;
  __builtin_memcpy(&both, entry, sizeof(both));
  offset = both >> 32;
  return reinterpret_cast<Values>(_mm512_set1_epi32(static_cast<int>(both)));
#else
  offset = entry->weight_offset;
  return entry->value - Values{};
#endif
}

}  // namespace
}  // namespace dim::cpu
