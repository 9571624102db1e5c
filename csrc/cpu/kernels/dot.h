// Dot products of four bytes a lane, added to whole numbers: with the instruction for it where the unit has it.
#pragma once

#include "cpu/kernels/vec.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <immintrin.h>
#endif

namespace dim::cpu {
namespace {

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define DIM_DOT_8_BITS
#endif

/// sum + the four products of `values` (0..127, with DIM_DOT_8_BITS 0..255) and `weights` (int8) in each lane, exact.
DIM_INLINE VecInt dot4(VecInt sum, VecInt values, VecInt weights) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<VecInt>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(values),
                                                      reinterpret_cast<__m512i>(weights)));
#elif defined(__AVX512BW__)
  const __m512i pairs = _mm512_maddubs_epi16(reinterpret_cast<__m512i>(values), reinterpret_cast<__m512i>(weights));
  return sum + reinterpret_cast<VecInt>(_mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#elif defined(__AVXVNNI__)
  return reinterpret_cast<VecInt>(_mm256_dpbusd_avx_epi32(
      reinterpret_cast<__m256i>(sum), reinterpret_cast<__m256i>(values), reinterpret_cast<__m256i>(weights)));
#elif defined(__AVX2__)
  const __m256i pairs = _mm256_maddubs_epi16(reinterpret_cast<__m256i>(values), reinterpret_cast<__m256i>(weights));
  return sum + reinterpret_cast<VecInt>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#elif defined(__ARM_FEATURE_DOTPROD)
  return reinterpret_cast<VecInt>(vdotq_s32(reinterpret_cast<int32x4_t>(sum), reinterpret_cast<int8x16_t>(values),
                                            reinterpret_cast<int8x16_t>(weights)));
#elif defined(__aarch64__)
  const auto v = reinterpret_cast<int8x16_t>(values), w = reinterpret_cast<int8x16_t>(weights);
  const int16x8_t low = vmull_s8(vget_low_s8(v), vget_low_s8(w)), high = vmull_high_s8(v, w);
  return reinterpret_cast<VecInt>(vpadalq_s16(reinterpret_cast<int32x4_t>(sum), vpaddq_s16(low, high)));
#elif defined(__SSE2__)
  const auto v = reinterpret_cast<__m128i>(values), w = reinterpret_cast<__m128i>(weights);
  const __m128i zero = _mm_setzero_si128();
  const __m128i low = _mm_madd_epi16(_mm_unpacklo_epi8(v, zero), _mm_srai_epi16(_mm_unpacklo_epi8(zero, w), 8));
  const __m128i high = _mm_madd_epi16(_mm_unpackhi_epi8(v, zero), _mm_srai_epi16(_mm_unpackhi_epi8(zero, w), 8));
  const __m128 a = _mm_castsi128_ps(low), b = _mm_castsi128_ps(high);
  const __m128i even = _mm_castps_si128(_mm_shuffle_ps(a, b, 0x88)), odd = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xdd));
  return sum + reinterpret_cast<VecInt>(_mm_add_epi32(even, odd));
#else
  typedef std::int8_t Bytes __attribute__((vector_size(DIM_VECTOR_BYTES)));
  const auto v = reinterpret_cast<Bytes>(values), w = reinterpret_cast<Bytes>(weights);
  for (int i = 0; i < DIM_VECTOR_BYTES; ++i) sum[i / 4] += v[i] * w[i];
  return sum;
#endif
}

// On ARM products of 16 bits are as slow as those of floats.
#if defined(__SSE2__)
#define DIM_DOT_PAIRS
/// sum + the two products of int16 in each lane.
DIM_INLINE VecInt dot2(VecInt sum, VecInt values, VecInt weights) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<VecInt>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(values),
                                                      reinterpret_cast<__m512i>(weights)));
#elif defined(__AVX512BW__)
  return sum + reinterpret_cast<VecInt>(
                   _mm512_madd_epi16(reinterpret_cast<__m512i>(values), reinterpret_cast<__m512i>(weights)));
#elif defined(__AVXVNNI__)
  return reinterpret_cast<VecInt>(_mm256_dpwssd_avx_epi32(
      reinterpret_cast<__m256i>(sum), reinterpret_cast<__m256i>(values), reinterpret_cast<__m256i>(weights)));
#elif defined(__AVX2__)
  return sum + reinterpret_cast<VecInt>(
                   _mm256_madd_epi16(reinterpret_cast<__m256i>(values), reinterpret_cast<__m256i>(weights)));
#else
  return sum + reinterpret_cast<VecInt>(
                   _mm_madd_epi16(reinterpret_cast<__m128i>(values), reinterpret_cast<__m128i>(weights)));
#endif
}
#endif

}  // namespace
}  // namespace dim::cpu
