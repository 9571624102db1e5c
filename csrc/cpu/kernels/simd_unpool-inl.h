// The vector kernels of convolution of an unpooled map: part of simd.cc, so once per instruction set.
#pragma once

#include "cpu/kernels/inline.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/unpool-inl.h"
#include "cpu/kernels/vec.h"

namespace dim::cpu::DIM_ISA {
namespace {

#if defined(__AVX__) || defined(__aarch64__)
constexpr int kUnpoolGroup = 16;  // 4 accumulators of AVX-512, 8 of AVX2, 16 of NEON
#else
constexpr int kUnpoolGroup = 8;  // 8 accumulators of 16 registers
#endif
constexpr int kUnpoolVecs = kUnpoolGroup / kVec;

/// Branch-free: which values are zero cannot be predicted.
template <typename Value>
DIM_INLINE void collect(const UnpoolCollectArgs<Value>& a, int kernel) {
  const int radius = kernel / 2, reach = unpool_reach(kernel);
  const int upper_code = radius % 2;  // row of the cell that the uppermost row of pixels is; the lowest is the other
  const int vecs = (a.lanes + kVec - 1) / kVec;
  const VecInt first = lane_numbers() * a.lane_step;
  list_columns(a.lists, kernel, a.cells,
               [&](UnpoolAppenders<float>& to, int cell, int px, int r) __attribute__((always_inline)) {
                 const int column = (2 * (cell - reach) + px + radius) * a.tap_step;
                 const int y = 2 * (r - reach) + radius;  // of the cell's upper pixels; the uppermost that counts is 0
                 for (int v = 0; v < vecs; ++v) {
                   const int at = cell * kLanes + v * kVec;
                   const Vec value = load_values(a.values + r * a.value_row_stride + at);
                   const VecInt code = load_codes(a.codes + r * a.code_row_stride + at);
                   const VecInt low = (code & 2) != 0;
                   const unsigned all = a.lanes - v * kVec < kVec ? (1u << (a.lanes - v * kVec)) - 1 : ~0u;
                   const unsigned right = lanes_where((code & 1) != 0);
                   const unsigned here = lanes_where(value != Vec{}) & all & (px == 0 ? ~right : right);
                   const unsigned below = lanes_where(low);
                   const VecInt offset =
                       first + (column + y * a.tap_row_step + v * kVec * a.lane_step) + (low & a.tap_row_step);
                   const unsigned of_row[2] = {here & ~below, here & below};
                   const unsigned middle_lanes =
                       (y > 0 && y <= 2 * radius ? of_row[0] : 0) | (y >= 0 && y < 2 * radius ? of_row[1] : 0);
                   to.middle.append(value, offset, middle_lanes);
                   if (r == 0) to.upper.append(value, offset, of_row[upper_code]);
                   if (r == 2 * reach) to.lower.append(value, offset, of_row[1 - upper_code]);
                 }
               });
}

template <typename Value>
void unpool_collect(const UnpoolCollectArgs<Value>& a) {
  if (a.kernel == 5) return collect(a, 5);
  collect(a, a.kernel);
}

template <int... kPixels>
DIM_INLINE void add_entries(const UnpoolList<float>& list, int from, int to, const float* weights,
                            std::ptrdiff_t tap_row_step, Vec (&acc)[4][kUnpoolVecs], QuadPixels<kPixels...>) {
#pragma GCC unroll 1
  for (std::ptrdiff_t i = from; i < to; ++i) {
    std::ptrdiff_t offset;
    const Vec value = load_entry(list.entries + i, offset);
    const float* w = weights + offset;
    const auto add = [&](int p) __attribute__((always_inline)) {
      const float* tap = w - (p / 2) * tap_row_step - (p % 2) * kUnpoolGroup;
#pragma GCC unroll 4
      for (int v = 0; v < kUnpoolVecs; ++v) acc[p][v] += value * load(tap + v * kVec);
    };
    (add(kPixels), ...);
  }
}

void unpool_conv(const UnpoolConvArgs& a) {
  QuadColumns<float> columns(a.lists, a.first_column, a.kernel);
  const std::ptrdiff_t row = a.tap_row_step;
  const float* w = a.weights;
  float *upper_out = a.upper, *lower_out = a.lower;
  for (int q = 0; q < a.quads; ++q) {
    Vec acc[4][kUnpoolVecs] = {};
    columns.visit([&](const UnpoolList<float>& list, int from, int to, auto pixels)
                      __attribute__((always_inline)) { add_entries(list, from, to, w, row, acc, pixels); });
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kUnpoolVecs; ++v) {
        float* out = (p < 2 ? upper_out : lower_out) + p % 2 * kLanes + v * kVec;
        const Vec base = load(a.epilogue.bias != nullptr ? a.epilogue.bias + v * kVec : out);
        store(out, finish(acc[p][v], base, a.epilogue.relu));
      }
    }
    columns.next();
    w -= 2 * kUnpoolGroup;
    upper_out += 2 * kLanes;
    lower_out += 2 * kLanes;
  }
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA
