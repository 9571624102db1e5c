// The vector kernels of convolution of an unpooled map: part of simd.cc, so once per instruction set.
#pragma once

#include "cpu/kernels/inline.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/vec.h"

namespace dim::cpu::DIM_ISA {
namespace {

#if defined(__AVX__) || defined(__aarch64__)
constexpr int kUnpoolGroup = 16;  // 4 accumulators of AVX-512, 8 of AVX2, 16 of NEON
#else
constexpr int kUnpoolGroup = 8;  // 8 accumulators of 16 registers
#endif
constexpr int kUnpoolVecs = kUnpoolGroup / kVec;

/// A list that grows.
struct UnpoolAppender {
  explicit UnpoolAppender(const UnpoolList& to) : list(to), count(to.begin[0]) {}

  DIM_INLINE void begin_column() { *list.begin++ = count; }
  DIM_INLINE void append(Vec values, VecInt offsets, unsigned lanes) {
    store_entries(list.entries + count, values, offsets, lanes);
    count += __builtin_popcount(lanes);
  }

  UnpoolList list;
  std::int32_t count;
};

/// Branch-free: which values are zero cannot be predicted.
template <typename Value>
DIM_INLINE void collect(const UnpoolCollectArgs<Value>& a, int kernel) {
  UnpoolAppender middle(a.lists.middle), upper(a.lists.upper), lower(a.lists.lower);
  const int radius = kernel / 2, reach = unpool_reach(kernel), rows = 2 * reach + 1;
  const int upper_code = radius % 2;  // row of the cell that the uppermost row of pixels is; the lowest is the other
  const int vecs = (a.lanes + kVec - 1) / kVec;
  VecInt lane{};
  for (int i = 0; i < kVec; ++i) lane[i] = i;
  const VecInt first = lane * a.lane_step;
  for (int cell = 0; cell < a.cells; ++cell) {
#pragma GCC unroll 2
    for (int px = 0; px < 2; ++px) {
      middle.begin_column();
      upper.begin_column();
      lower.begin_column();
      const int column = (2 * (cell - reach) + px + radius) * a.tap_step;
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
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
          const VecInt offset = first + (column + y * a.tap_row_step + v * kVec * a.lane_step) + (low & a.tap_row_step);
          const unsigned of_row[2] = {here & ~below, here & below};
          const unsigned middle_lanes =
              (y > 0 && y <= 2 * radius ? of_row[0] : 0) | (y >= 0 && y < 2 * radius ? of_row[1] : 0);
          middle.append(value, offset, middle_lanes);
          if (r == 0) upper.append(value, offset, of_row[upper_code]);
          if (r == rows - 1) lower.append(value, offset, of_row[1 - upper_code]);
        }
      }
    }
  }
  middle.begin_column();
  upper.begin_column();
  lower.begin_column();
}

template <typename Value>
void unpool_collect(const UnpoolCollectArgs<Value>& a) {
  if (a.kernel == 5) return collect(a, 5);
  collect(a, a.kernel);
}

/// Entries [from, to), each with the output pixels that read it: one tap for each.
template <int... kPixels>
DIM_INLINE void add_entries(const UnpoolList& list, int from, int to, const float* weights, std::ptrdiff_t tap_row_step,
                            Vec (&acc)[4][kUnpoolVecs]) {
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
  const UnpoolList middle = a.lists.middle, upper = a.lists.upper, lower = a.lists.lower;
  const std::int32_t* m = middle.begin + a.first_column;  // first entries of the columns that the quad reads
  const std::int32_t* u = upper.begin + a.first_column;
  const std::int32_t* l = lower.begin + a.first_column;
  const int last = a.kernel;  // of those columns
  const std::ptrdiff_t row = a.tap_row_step;
  const float* w = a.weights;
  float *upper_out = a.upper, *lower_out = a.lower;
  for (int q = 0; q < a.quads; ++q) {
    Vec acc[4][kUnpoolVecs] = {};
    add_entries<0, 1, 2, 3>(middle, m[1], m[last], w, row, acc);
    add_entries<0, 1>(upper, u[0], u[last + 1], w, row, acc);  // in the outer columns one of the two reads the zeros
    add_entries<2, 3>(lower, l[0], l[last + 1], w, row, acc);
    add_entries<0, 2>(middle, m[0], m[1], w, row, acc);
    add_entries<1, 3>(middle, m[last], m[last + 1], w, row, acc);
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kUnpoolVecs; ++v) {
        float* out = (p < 2 ? upper_out : lower_out) + p % 2 * kLanes + v * kVec;
        const Vec base = load(a.epilogue.bias != nullptr ? a.epilogue.bias + v * kVec : out);
        store(out, finish(acc[p][v], base, a.epilogue.relu));
      }
    }
    m += 2;
    u += 2;
    l += 2;
    w -= 2 * kUnpoolGroup;
    upper_out += 2 * kLanes;
    lower_out += 2 * kLanes;
  }
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA
