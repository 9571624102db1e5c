// Winograd transforms over a value type V (a vector, or a number for the scalar twin). Included by each unit.
// For points 0, ±a, ±b, ∞ the rows of the transforms come in pairs that share their even and odd parts.
#pragma once

#include "cpu/kernels/inline.h"
#include "cpu/kernels/kernels.h"

namespace dim::cpu {
namespace {

/// The finite points besides 0 of a transform of length 6 of such values: ±a, ±b.
template <typename V>
struct WinogradPoints {
  static constexpr float a = kWinogradA, b = kWinogradB;
};
/// Those of whole numbers, to be WinogradPoints of a unit's types of these.
struct WholeWinogradPoints {
  static constexpr int a = 1, b = 2;
};

/// One axis of the input transform: row i holds the coefficients of the product of (x - p) over all points but the
/// i-th.
template <typename V>
DIM_INLINE void winograd_input_axis(const V (&d)[6], V (&v)[6]) {
  constexpr auto a = WinogradPoints<V>::a, b = WinogradPoints<V>::b, a2 = a * a, b2 = b * b;
  v[0] = d[4] - (a2 + b2) * d[2] + (a2 * b2) * d[0];
  const V even_a = d[4] - b2 * d[2], odd_a = a * (d[3] - b2 * d[1]);
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  const V even_b = d[4] - a2 * d[2], odd_b = b * (d[3] - a2 * d[1]);
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = d[5] - (a2 + b2) * d[3] + (a2 * b2) * d[1];
}

template <typename V>
DIM_INLINE void winograd_input_axis(const V (&d)[4], V (&v)[4]) {
  v[0] = d[2] - d[0];
  v[1] = d[2] + d[1];
  v[2] = d[2] - d[1];
  v[3] = d[3] - d[1];
}

/// An axis that is not transformed.
template <typename V>
DIM_INLINE void winograd_input_axis(const V (&d)[1], V (&v)[1]) {
  v[0] = d[0];
}

/// One axis of the output transform: powers of the points.
template <int kPatch, typename V>
DIM_INLINE void winograd_output_axis(const V (&m)[6], V (&y)[kPatch]) {
  static_assert(kPatch == 2 || kPatch == 4);
  constexpr auto a = WinogradPoints<V>::a, b = WinogradPoints<V>::b;
  const V sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const V sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = a * difference_a + b * difference_b;
  if constexpr (kPatch == 4) {
    y[2] = (a * a) * sum_a + (b * b) * sum_b;
    y[3] = (a * a * a) * difference_a + (b * b * b) * difference_b;
  }
  y[kPatch - 1] += m[5];
}

template <int kPatch, typename V>
DIM_INLINE void winograd_output_axis(const V (&m)[4], V (&y)[kPatch]) {
  static_assert(kPatch == 2);
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] + m[3];
}

template <int kPatch, typename V>
DIM_INLINE void winograd_output_axis(const V (&m)[1], V (&y)[kPatch]) {
  static_assert(kPatch == 1);
  y[0] = m[0];
}

/// `read(row, column)` gives the window, `write(element, value)` takes the transformed one.
template <int kRows, int kColumns, typename V, typename Read, typename Write>
DIM_INLINE void winograd_input_patch(Read read, Write write) {
  V half[kRows][kColumns];
#pragma GCC unroll 6
  for (int x = 0; x < kColumns; ++x) {
    V column[kRows], transformed[kRows];
#pragma GCC unroll 6
    for (int y = 0; y < kRows; ++y) column[y] = read(y, x);
    winograd_input_axis(column, transformed);
#pragma GCC unroll 6
    for (int y = 0; y < kRows; ++y) half[y][x] = transformed[y];
  }
#pragma GCC unroll 6
  for (int y = 0; y < kRows; ++y) {
    V transformed[kColumns];
    winograd_input_axis(half[y], transformed);
#pragma GCC unroll 6
    for (int x = 0; x < kColumns; ++x) write(y * kColumns + x, transformed[x]);
  }
}

/// `read(element)` gives the sums, `write(row, column, value)` takes the outputs.
template <int kRows, int kColumns, int kPatchRows, int kPatchColumns, typename V, typename Read, typename Write>
DIM_INLINE void winograd_output_patch(Read read, Write write) {
  V half[kPatchRows][kColumns];
#pragma GCC unroll 6
  for (int x = 0; x < kColumns; ++x) {
    V column[kRows], transformed[kPatchRows];
#pragma GCC unroll 6
    for (int y = 0; y < kRows; ++y) column[y] = read(y * kColumns + x);
    winograd_output_axis<kPatchRows>(column, transformed);
#pragma GCC unroll 4
    for (int y = 0; y < kPatchRows; ++y) half[y][x] = transformed[y];
  }
#pragma GCC unroll 4
  for (int y = 0; y < kPatchRows; ++y) {
    V transformed[kPatchColumns];
    winograd_output_axis<kPatchColumns>(half[y], transformed);
#pragma GCC unroll 4
    for (int x = 0; x < kPatchColumns; ++x) write(y, x, transformed[x]);
  }
}

}  // namespace
}  // namespace dim::cpu
