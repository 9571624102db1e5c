// Kernels on quantized maps: bytes in, exact sums of whole numbers, and floats or bytes out. Memory and rules are those
// of kernels/kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/size.h"
#include "cpu/kernels/unpool.h"

namespace dim::cpu {

/// Quantized maps hold value / scale, rounded to 0..127: 7 bits, as int8 has them without negative numbers. So two
/// products of such a value and an int8 weight fit 16 bits, and the dot products of every instruction set are exact.
inline constexpr int kQuantizedMax = 127;
inline constexpr int kDotChannels = 4;  // input channels that a dot product sums up

/// "Same" convolution of a quantized map's row span for one group of output blocks: whole numbers, and exact, until a
/// sum is sum · scale + bias.
struct QuantizedConvArgs {
  const std::uint8_t* input;  // block 0, at the upper left tap of the first pixel
  std::ptrdiff_t in_row_stride, in_block_stride;
  int in_blocks;
  int kernel;                  // odd
  const std::int8_t* weights;  // [in block][ky][kx][kLanes / 4][group * 16][4 in lanes]
  int group;                   // output blocks, 1 or QuantizedKernels::conv_group
  const float* scale;          // [group * 16]
  const float* bias;           // [group * 16]
  bool relu;
  float* output;            // first pixel, block 0 of the group; null: quantized
  std::uint8_t* quantized;  // the same
  float per_scale;          // 1 / scale of the quantized output
  std::ptrdiff_t out_block_stride;
  int pixels;
};

/// One row of pixels of a map that is unpooled, plus another map in steps of the same size: 0 to 254.
struct UnpoolSumArgs {
  const std::uint8_t* values;  // first cell
  const std::uint8_t* codes;
  int row;                  // of the cells' two rows of pixels
  const std::uint8_t* add;  // first pixel
  int cells;
  std::uint8_t* output;  // two pixels a cell
};

using FourBytes = std::int32_t;  // of four channels of a pixel

/// Lists of a quantized map's blocks, of a row of cells, what is not zero, four channels at a time.
struct UnpoolDotsCollectArgs {
  const std::uint8_t* values;  // block 0, first cell of the uppermost row that the quads reach
  const std::uint8_t* codes;
  std::ptrdiff_t value_row_stride, value_block_stride, code_row_stride, code_block_stride;
  int kernel;  // odd
  int cells;   // in a row
  int blocks;  // at most kUnpoolDotsBlocks
  // of offsets: to the next tap, the one below, the next four channels'
  std::int32_t tap_step, tap_row_step, dots_step;
  UnpoolLists<FourBytes> lists;  // room for what is listed and kLanes entries more; begin[0] is where to go on
};

inline constexpr int kUnpoolDotsBlocks = 4;  // of input, whose weights for a block of output fit the first-level cache

/// Adds the listed values' products to those of output quads, for one block of output.
struct UnpoolDotsArgs {
  UnpoolLists<FourBytes> lists;
  int first_column;  // of those listed, that the first quad reads
  int kernel;
  int quads;
  const std::int8_t* weights;   // of the first quad: tap that an offset of 0 gives to output pixel (0, 0)
  std::ptrdiff_t tap_row_step;  // from a tap to the one below; beside each row of taps are zeros, as one more tap
  std::int32_t* sums;           // [quad][4 pixels][16], of the input blocks before
  bool begins, ends;            // whether there are none before, and none to come: then not sums are stored, but
  const float* scale;           // [16]; as in QuantizedConvArgs, and what follows
  const float* bias;
  bool relu;
  float* output;  // first quad's upper left pixel
  std::uint8_t* quantized;
  float per_scale;
  std::ptrdiff_t out_row_stride;
};

/// Rounds values · per_scale to 0..127.
struct QuantizeArgs {
  const float* input;
  std::uint8_t* output;
  float per_scale;
  int pixels;  // of 16 lanes
};

/// Winograd convolution F(2×4, 3×3) of whole numbers, with the points 0, ±1, ∞ down columns and 0, ±1, ±2, ∞ along
/// rows. The weights' transform is taken twice and 24 times, so that it has no fractions, and sums are 48 times the
/// right ones: all of it is exact. What must fit 16 bits are transformed inputs, at most 127 · 2 · 8 (of sums of two;
/// 127 · 10 of differences), and weights, at most 127 · 3 · 24. Sums wrap around as 32 bits do, and so does their
/// product with the inverse of 3, which leaves 16 times the right ones: these must fit 32 bits.
inline constexpr Size kWholeWindow = {4, 6}, kWholePatch = {2, 4};
inline constexpr int kWholeMultiple = 48, kWholeShift = 4;
inline constexpr std::uint32_t kThird = 0xaaaaaaab;  // modulo 2^32
static_assert(kThird * (kWholeMultiple >> kWholeShift) == 1);

/// Transforms the windows of a row of patches, 16 lanes.
struct QuantizedWinogradInputArgs {
  const std::uint8_t* input;  // upper left pixel of the first window
  std::ptrdiff_t row_stride;
  int patches;
  std::int16_t* output;  // [element][patch][16]
  std::ptrdiff_t element_stride;
};

/// An element's products, summed over the input blocks, for one group of output blocks.
struct QuantizedWinogradSumsArgs {
  const std::int16_t* input;  // [in block][patch][16]
  std::ptrdiff_t in_block_stride;
  int in_blocks;
  const std::int16_t* weights;  // [in block][8][group * 16][2 in lanes]
  int group;                    // output blocks, 1 or QuantizedKernels::conv_group
  std::int32_t* output;         // [block in group][patch][16]
  std::ptrdiff_t out_block_stride;
  int patches;
};

struct QuantizedWinogradOutputArgs {
  const std::int32_t* input;  // [element][patch][16]
  std::ptrdiff_t element_stride;
  int patches;
  int rows;            // of the patches that lie inside the map
  int pixels;          // per row, inside the map
  const float* scale;  // [16]; as in QuantizedConvArgs, and what follows
  const float* bias;
  bool relu;
  float* output;
  std::uint8_t* quantized;
  float per_scale;
  std::ptrdiff_t row_stride;
};

/// What a unit computes on quantized maps. Every unit gives the same to the bit.
struct QuantizedKernels {
  int conv_group;  // output blocks that `conv` and `winograd_sums` compute at once
  void (*conv)(const QuantizedConvArgs&);
  void (*quantize)(const QuantizeArgs&);
  // null where the unit has no instruction for dot products of bytes that takes 0 to 255
  void (*unpool_sum)(const UnpoolSumArgs&);
  void (*unpool_dots_collect)(const UnpoolDotsCollectArgs&);
  void (*unpool_dots)(const UnpoolDotsArgs&);
  // null where dot products of 16 bits are as slow as products of floats
  void (*winograd_input)(const QuantizedWinogradInputArgs&);
  void (*winograd_sums)(const QuantizedWinogradSumsArgs&);
  void (*winograd_output)(const QuantizedWinogradOutputArgs&);
  // measured, in time that a product takes in the direct convolution: a product of 16 bits, and the transforms of one
  // element of one channel, which all channels on the other side share
  float winograd_product, winograd_transform;
};

}  // namespace dim::cpu
