// The vector kernels of Winograd convolution: part of simd.cc, so once per instruction set.
#pragma once

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/vec.h"
#include "cpu/kernels/winograd-inl.h"

namespace dim::cpu::DIM_ISA {
namespace {

template <int kRows, int kColumns>
DIM_INLINE void winograd_input_patches(const WinogradInputArgs& a) {
  for (int t = 0; t < a.patches; ++t) {
    for (int lane = 0; lane < kLanes; lane += kVec) {
      const float* in = a.input + t * a.patch_step + lane;
      float* out = a.output + t * kLanes + lane;
      winograd_input_patch<kRows, kColumns, Vec>(
          [&](int y, int x) { return load(in + y * a.row_stride + x * kLanes); },
          [&](int element, Vec v) { store(out + element * a.element_stride, v); });
    }
  }
}

void winograd_input(const WinogradInputArgs& a) {
  if (a.window.height == 6) return winograd_input_patches<6, 6>(a);
  if (a.window.height == 4) return winograd_input_patches<4, 6>(a);
  winograd_input_patches<1, 6>(a);
}

constexpr int kUnpoolPatches = 14;  // whose columns stay in the first-level cache
constexpr int kCellsAhead = 8;      // that are asked for from memory

/// The lowest rows are read for the first time, the others were for the patches above.
template <bool kAdd, typename Value>
DIM_INLINE void prefetch_lowest_rows(const WinogradUnpoolArgs<Value>& a, int cell, int lane) {
  const std::ptrdiff_t at = std::ptrdiff_t{cell} * kLanes + lane;
  __builtin_prefetch(a.values + 2 * a.cell_row_stride + at);
  __builtin_prefetch(a.codes + 2 * a.cell_row_stride + at);
  if (!kAdd) return;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    __builtin_prefetch(a.add + (4 + i / 2) * a.add_row_stride + (2 * cell + i % 2) * kLanes + lane);
}

/// Vertical halves of the transforms of two columns of pixels, from three cells: a window shares four columns with the
/// next one. `columns`: [6 rows][kUnpoolPatches + 2 cells][2 columns].
template <bool kAdd, typename Value>
DIM_INLINE void winograd_unpool_columns(const WinogradUnpoolArgs<Value>& a, int cell, int lane, Vec* columns) {
  Vec pixel[2][6];
  prefetch_lowest_rows<kAdd>(a, cell + kCellsAhead, lane);
#pragma GCC unroll 3
  for (int y = 0; y < 3; ++y) {
    const std::ptrdiff_t at = y * a.cell_row_stride + std::ptrdiff_t{cell} * kLanes + lane;
    const VecInt code = load_codes(a.codes + at);
    const Vec value = load_values(a.values + at);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      Vec here = code == VecInt{} + i ? value : Vec{};
      if (kAdd) {
        const Vec add = load_values(a.add + (2 * y + i / 2) * a.add_row_stride + (2 * cell + i % 2) * kLanes + lane);
        here += sizeof(Value) == sizeof(float) ? add : add * splat(a.add_scale);
      }
      pixel[i % 2][2 * y + i / 2] = here;
    }
  }
#pragma GCC unroll 2
  for (int x = 0; x < 2; ++x) {
    Vec transformed[6];
    winograd_input_axis(pixel[x], transformed);
#pragma GCC unroll 6
    for (int y = 0; y < 6; ++y) columns[y * 2 * (kUnpoolPatches + 2) + x] = transformed[y];
  }
}

template <bool kAdd, typename Value>
DIM_INLINE void winograd_unpool_patches(const WinogradUnpoolArgs<Value>& a) {
  Vec columns[6][2 * (kUnpoolPatches + 2)];
  for (int lane = 0; lane < kLanes; lane += kVec) {
    for (int first = 0; first < a.patches; first += kUnpoolPatches) {
      const int patches = a.patches - first < kUnpoolPatches ? a.patches - first : kUnpoolPatches;
      for (int cell = 0; cell < patches + 2; ++cell)
        winograd_unpool_columns<kAdd>(a, first + cell, lane, &columns[0][2 * cell]);
      for (int t = 0; t < patches; ++t) {
        float* out = a.output + (first + t) * kLanes + lane;
#pragma GCC unroll 6
        for (int y = 0; y < 6; ++y) {
          Vec window[6], transformed[6];
#pragma GCC unroll 6
          for (int x = 0; x < 6; ++x) window[x] = columns[y][2 * t + x];
          winograd_input_axis(window, transformed);
#pragma GCC unroll 6
          for (int x = 0; x < 6; ++x) store(out + (y * 6 + x) * a.element_stride, transformed[x]);
        }
      }
    }
  }
}

/// One row of windows of one row, each of which shares four pixels with the next.
template <bool kAdd, typename Value>
DIM_INLINE void winograd_unpool_row(const WinogradUnpoolArgs<Value>& a) {
  for (int lane = 0; lane < kLanes; lane += kVec) {
    const auto unpooled = [&](int cell, Vec* pixels) {
      const std::ptrdiff_t at = std::ptrdiff_t{cell} * kLanes + lane;
      const VecInt code = load_codes(a.codes + at);
      const Vec value = load_values(a.values + at);
#pragma GCC unroll 2
      for (int x = 0; x < 2; ++x) {
        pixels[x] = code == VecInt{} + (2 * a.row + x) ? value : Vec{};
        if (kAdd) {
          const Vec add = load_values(a.add + (2 * cell + x) * kLanes + lane);
          pixels[x] += sizeof(Value) == sizeof(float) ? add : add * splat(a.add_scale);
        }
      }
    };
    Vec window[6];
    unpooled(0, window);
    unpooled(1, window + 2);
    for (int t = 0; t < a.patches; ++t) {
      unpooled(t + 2, window + 4);
      Vec transformed[6];
      winograd_input_axis(window, transformed);
      float* out = a.output + t * kLanes + lane;
#pragma GCC unroll 6
      for (int x = 0; x < 6; ++x) store(out + x * a.element_stride, transformed[x]);
#pragma GCC unroll 4
      for (int x = 0; x < 4; ++x) window[x] = window[x + 2];
    }
  }
}

template <typename Value>
void winograd_unpool(const WinogradUnpoolArgs<Value>& a) {
  if (a.window.height == 6)
    return a.add != nullptr ? winograd_unpool_patches<true>(a) : winograd_unpool_patches<false>(a);
  a.add != nullptr ? winograd_unpool_row<true>(a) : winograd_unpool_row<false>(a);
}

template <int kRows, int kColumns, int kPatchRows, int kPatchColumns>
DIM_INLINE void winograd_output_patches(const WinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t) {
    for (int lane = 0; lane < kLanes; lane += kVec) {
      const float* in = a.input + t * kLanes + lane;
      float* out = a.output + t * kPatchColumns * kLanes + lane;
      const int columns = a.pixels - t * kPatchColumns;
      const Vec bias = load(a.epilogue.bias + lane);
      const bool relu = a.epilogue.relu;
      winograd_output_patch<kRows, kColumns, kPatchRows, kPatchColumns, Vec>(
          [&](int element) { return load(in + element * a.element_stride); },
          [&](int y, int x, Vec v) {
            if (y >= a.rows || x >= columns) return;
            store(out + y * a.row_stride + x * kLanes, finish(v, bias, relu));
          });
    }
  }
}

void winograd_output(const WinogradOutputArgs& a) {
  if (a.window.height == 6) return winograd_output_patches<6, 6, 2, 2>(a);
  if (a.window.height == 4) return winograd_output_patches<4, 6, 2, 4>(a);
  a.patch.width == 4 ? winograd_output_patches<1, 6, 1, 4>(a) : winograd_output_patches<1, 6, 1, 2>(a);
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA
