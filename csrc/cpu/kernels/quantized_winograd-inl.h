// The vector kernels of Winograd convolution of whole numbers: part of quantized.cc, for units with dot products of
// 16 bits.
#pragma once

#include "cpu/kernels/winograd-inl.h"

namespace dim::cpu {
namespace {

constexpr int kShorts = kVec < kLanes ? 2 * kVec : kLanes;  // at once: at most a block's lanes
typedef std::int16_t Shorts __attribute__((vector_size(2 * kShorts)));
typedef std::uint8_t Bytes __attribute__((vector_size(kShorts)));
typedef Shorts ShortsUnaligned __attribute__((aligned(2), may_alias));
typedef Bytes BytesUnaligned __attribute__((aligned(1), may_alias));
typedef std::uint32_t VecWrapping __attribute__((vector_size(DIM_VECTOR_BYTES)));  // modulo 2^32

template <>
struct WinogradPoints<Shorts> : WholeWinogradPoints {};
template <>
struct WinogradPoints<VecWrapping> : WholeWinogradPoints {};

}  // namespace
}  // namespace dim::cpu

namespace dim::cpu::DIM_ISA {
namespace {

/// A window shares two columns with the next one.
void winograd_input(const QuantizedWinogradInputArgs& a) {
  constexpr int kRows = kWholeWindow.height, kColumns = kWholeWindow.width, kStep = kWholePatch.width;
  const std::ptrdiff_t row_stride = a.row_stride, element_stride = a.element_stride;
  for (int lane = 0; lane < kLanes; lane += kShorts) {
    const std::uint8_t* in = a.input + lane;
    std::int16_t* out = a.output + lane;
    Shorts half[kRows][kColumns];
    const auto add_column = [&](int x) {
      Shorts column[kRows], transformed[kRows];
#pragma GCC unroll 4
      for (int y = 0; y < kRows; ++y)
        column[y] =
            __builtin_convertvector(*reinterpret_cast<const BytesUnaligned*>(in + y * row_stride + x * kLanes), Shorts);
      winograd_input_axis(column, transformed);
#pragma GCC unroll 4
      for (int y = 0; y < kRows; ++y) half[y][x] = transformed[y];
    };
    add_column(0);
    add_column(1);
    for (int t = 0; t < a.patches; ++t, in += kStep * kLanes, out += kLanes) {
#pragma GCC unroll 4
      for (int x = kColumns - kStep; x < kColumns; ++x) add_column(x);
#pragma GCC unroll 4
      for (int y = 0; y < kRows; ++y) {
        Shorts transformed[kColumns];
        winograd_input_axis(half[y], transformed);
#pragma GCC unroll 6
        for (int x = 0; x < kColumns; ++x)
          *reinterpret_cast<ShortsUnaligned*>(out + (y * kColumns + x) * element_stride) = transformed[x];
        half[y][0] = half[y][kStep];
        half[y][1] = half[y][kStep + 1];
      }
    }
  }
}

template <int kPatches, int kGroup>
void winograd_sums_bundle(const QuantizedWinogradSumsArgs& a, int first) {
  constexpr int kVecs = kGroup * kVecsPerBlock;
  VecInt acc[kPatches][kVecs] = {};
  const auto* w = reinterpret_cast<const std::int8_t*>(a.weights);
  for (int b = 0; b < a.in_blocks; ++b)
    add_dots(acc, reinterpret_cast<const std::uint8_t*>(a.input + b * a.in_block_stride + first * kLanes),
             kLanes * sizeof(std::int16_t), kLanes / 2, w, dot2);
#pragma GCC unroll 16
  for (int p = 0; p < kPatches; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      std::int32_t* out = a.output + (v / kVecsPerBlock) * a.out_block_stride + (first + p) * kLanes;
      *reinterpret_cast<VecIntUnaligned*>(out + (v % kVecsPerBlock) * kVec) = acc[p][v];
    }
  }
}

template <int kGroup>
void winograd_sums_of(const QuantizedWinogradSumsArgs& a) {
  in_bundles(a.patches,
             [&](auto bundle, int first) { winograd_sums_bundle<decltype(bundle)::pixels, kGroup>(a, first); });
}

void winograd_sums(const QuantizedWinogradSumsArgs& a) {
  if (a.group == 1) return winograd_sums_of<1>(a);
  if (DIM_DOT_GROUP > 1) winograd_sums_of<DIM_DOT_GROUP>(a);
}

void winograd_output(const QuantizedWinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int lane = 0; lane < kLanes; lane += kVec) {
      const std::int32_t* in = a.input + t * kLanes + lane;
      const std::ptrdiff_t first = t * kWholePatch.width;
      winograd_output_patch<kWholeWindow.height, kWholeWindow.width, kWholePatch.height, kWholePatch.width,
                            VecWrapping>(
          [&](int element) {
            return reinterpret_cast<VecWrapping>(
                *reinterpret_cast<const VecIntUnaligned*>(in + element * a.element_stride));
          },
          [&](int y, int x, VecWrapping multiple) {
            if (y >= a.rows || first + x >= a.pixels) return;
            const VecInt shifted = reinterpret_cast<VecInt>(multiple * kThird) >> kWholeShift;
            store_sum(a, y * a.row_stride + (first + x) * kLanes + lane, lane, shifted);
          });
    }
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA
