// The vector kernels of unpooled quantized maps: part of quantized.cc, where a unit's dot products take 0 to 255.
#pragma once

#include "cpu/kernels/dot.h"
#include "cpu/kernels/quantized.h"
#include "cpu/kernels/unpool-inl.h"
#include "cpu/kernels/vec.h"

namespace dim::cpu::DIM_ISA {
namespace {

constexpr int kBlocksPerVec = kVec * kDotChannels / kLanes;

typedef std::uint8_t ByteVec __attribute__((vector_size(DIM_VECTOR_BYTES)));
typedef ByteVec ByteVecUnaligned __attribute__((aligned(1), may_alias));

DIM_INLINE __m128i load_block(const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)); }

/// A pixel's channels of neighbouring blocks, zeros for those beyond `blocks`.
DIM_INLINE ByteVec load_blocks(const std::uint8_t* p, std::ptrdiff_t block_stride, int blocks) {
  const auto block = [&](int b) __attribute__((always_inline)) {
    return b < blocks ? load_block(p + b * block_stride) : _mm_setzero_si128();
  };
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load_block(p)), block(1), 1);
#if defined(__AVX512F__)
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(block(2)), block(3), 1);
  return reinterpret_cast<ByteVec>(_mm512_maskz_inserti64x4(0xff, _mm512_castsi256_si512(low), high, 1));
#else
  return reinterpret_cast<ByteVec>(low);
#endif
}

/// The pixels of as many cells as give a register of them, each cell's twice.
DIM_INLINE ByteVec twice(const std::uint8_t* cells) {
#if defined(__AVX512F__)
  const __m512i two = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(cells)));
  return reinterpret_cast<ByteVec>(_mm512_maskz_shuffle_i64x2(0xff, two, two, 0x50));
#else
  return reinterpret_cast<ByteVec>(_mm256_broadcastsi128_si256(load_block(cells)));
#endif
}

void unpool_sum(const UnpoolSumArgs& a) {
  constexpr int kCells = DIM_VECTOR_BYTES / (2 * kLanes);
  ByteVec here{};  // the code of a value that belongs there
  for (int i = 0; i < DIM_VECTOR_BYTES; ++i) here[i] = static_cast<std::uint8_t>(2 * a.row + i / kLanes % 2);
  const auto sum = [&](ByteVec values, ByteVec codes, ByteVec add) __attribute__((always_inline)) {
    return (reinterpret_cast<ByteVec>((codes & 3) == here) & values) + add;
  };
  int cell = 0;
  for (; cell + kCells <= a.cells; cell += kCells) {
    const auto* add = reinterpret_cast<const ByteVecUnaligned*>(a.add + cell * 2 * kLanes);
    *reinterpret_cast<ByteVecUnaligned*>(a.output + cell * 2 * kLanes) =
        sum(twice(a.values + cell * kLanes), twice(a.codes + cell * kLanes), *add);
  }
  if (cell == a.cells) return;
  alignas(64) std::uint8_t values[2 * kLanes] = {}, codes[2 * kLanes] = {}, pixels[DIM_VECTOR_BYTES] = {};
  __builtin_memcpy(values, a.values + cell * kLanes, kLanes);  // one is left where a register has two
  __builtin_memcpy(codes, a.codes + cell * kLanes, kLanes);
  __builtin_memcpy(pixels, a.add + cell * 2 * kLanes, 2 * kLanes);
  const ByteVec last = sum(twice(values), twice(codes), *reinterpret_cast<const ByteVec*>(pixels));
  __builtin_memcpy(a.output + cell * 2 * kLanes, &last, 2 * kLanes);
}

DIM_INLINE void collect_dots(const UnpoolDotsCollectArgs& a, int kernel) {
  const int radius = kernel / 2, reach = unpool_reach(kernel);
  const VecInt first = lane_numbers() * a.dots_step;
  list_columns(
      a.lists, kernel, a.cells,
      [&](UnpoolAppenders<FourBytes>& to, int cell, int px, int r) __attribute__((always_inline)) {
        const int column = (2 * (cell - reach) + px + radius) * a.tap_step;
        for (int b = 0; b < a.blocks; b += kBlocksPerVec) {
          const int at = cell * kLanes;
          const ByteVec values = load_blocks(a.values + r * a.value_row_stride + b * a.value_block_stride + at,
                                             a.value_block_stride, a.blocks - b);
          const ByteVec codes = load_blocks(a.codes + r * a.code_row_stride + b * a.code_block_stride + at,
                                            a.code_block_stride, a.blocks - b);
#pragma GCC unroll 2
          for (int low = 0; low < 2; ++low) {
            const int ky = 2 * (r - reach) + radius + low;  // of the tap that the quad's upper pixels have for it
            if (ky < 0 || ky > 2 * radius + 1) continue;
            const auto here = static_cast<std::uint8_t>(2 * low + px);
            const auto dots = reinterpret_cast<VecInt>(reinterpret_cast<ByteVec>((codes & 3) == here) & values);
            const VecInt offsets = first + (column + ky * a.tap_row_step + b * kLanes / kDotChannels * a.dots_step);
            UnpoolAppender<FourBytes>& list = ky == 0 ? to.upper : ky == 2 * radius + 1 ? to.lower : to.middle;
            list.append(dots, offsets, lanes_where(dots != 0));
          }
        }
      });
}

void unpool_dots_collect(const UnpoolDotsCollectArgs& a) {
  if (a.kernel == 5) return collect_dots(a, 5);
  collect_dots(a, a.kernel);
}

/// Sets of sums that entries take turns with, where a pixel's sums are one register: a sum waits for the one before.
/// The lists of floats are too short for that.
constexpr int kDotSets = kVec == kLanes ? 2 : 1;

template <int... kPixels>
DIM_INLINE void add_dots(const UnpoolList<FourBytes>& list, int from, int to, const std::int8_t* weights,
                         std::ptrdiff_t tap_row_step, VecInt (&acc)[kDotSets][4][kVecsPerBlock],
                         QuadPixels<kPixels...>) {
  const auto add_entry = [&](std::ptrdiff_t i, int set) __attribute__((always_inline)) {
    std::ptrdiff_t offset;
    const VecInt values = load_entry(list.entries + i, offset);
    const std::int8_t* w = weights + offset;
    const auto add = [&](int p) __attribute__((always_inline)) {
      const std::int8_t* tap = w - (p / 2) * tap_row_step - (p % 2) * kLanes * kDotChannels;
#pragma GCC unroll 4
      for (int v = 0; v < kVecsPerBlock; ++v)
        acc[set][p][v] = dot4(acc[set][p][v], values, load_weights(tap + v * DIM_VECTOR_BYTES));
    };
    (add(kPixels), ...);
  };
  std::ptrdiff_t i = from;
#pragma GCC unroll 1
  for (; i + kDotSets <= to; i += kDotSets) {
#pragma GCC unroll 2
    for (int set = 0; set < kDotSets; ++set) add_entry(i + set, set);
  }
  if (i < to) add_entry(i, 0);
}

void unpool_dots(const UnpoolDotsArgs& a) {
  QuadColumns<FourBytes> columns(a.lists, a.first_column, a.kernel);
  const std::int8_t* w = a.weights;
  for (int q = 0; q < a.quads; ++q) {
    VecInt acc[kDotSets][4][kVecsPerBlock] = {};
    columns.visit([&](const UnpoolList<FourBytes>& list, int from, int to, auto pixels)
                      __attribute__((always_inline)) { add_dots(list, from, to, w, a.tap_row_step, acc, pixels); });
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kVecsPerBlock; ++v) {
        std::int32_t* const stored = a.sums + (q * 4 + p) * kLanes + v * kVec;
        VecInt sum = acc[0][p][v];
        for (int set = 1; set < kDotSets; ++set) sum += acc[set][p][v];
        if (!a.begins) sum += *reinterpret_cast<const VecIntUnaligned*>(stored);
        if (a.ends)
          store_sum(a, p / 2 * a.out_row_stride + (2 * q + p % 2) * kLanes + v * kVec, v * kVec, sum);
        else
          *reinterpret_cast<VecIntUnaligned*>(stored) = sum;
      }
    }
    columns.next();
    w -= 2 * kLanes * kDotChannels;
  }
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA
