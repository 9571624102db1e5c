// Kernels on quantized maps: bytes in, exact sums of whole numbers, and floats or bytes out. Memory and rules are those
// of kernels/kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

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

/// Winograd convolution of whole numbers, for 4×4 windows alone: with the weights' transform taken twice along each
/// axis all of it is exact. Transformed values and weights fit 16 bits, and sums wrap around as 32 bits do, to four
/// times the right ones.
struct QuantizedWinogradInputArgs {
  const std::uint8_t* input;  // upper left pixel of the first window; the next window is two pixels further
  std::ptrdiff_t row_stride;
  int patches;
  std::int16_t* output;  // [element][patch][16]
  std::ptrdiff_t element_stride;
};

/// An element's products, summed over the input blocks.
struct QuantizedWinogradSumsArgs {
  const std::int16_t* input;  // [in block][patch][16]
  std::ptrdiff_t in_block_stride;
  int in_blocks;
  const std::int16_t* weights;  // [in block][8][16][2 in lanes]
  std::int32_t* output;         // [patch][16]
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
  int conv_group;  // output blocks that `conv` computes at once
  void (*conv)(const QuantizedConvArgs&);
  void (*quantize)(const QuantizeArgs&);
  // null where the unit has no instruction for dot products of bytes that takes 0 to 255
  void (*unpool_sum)(const UnpoolSumArgs&);
  void (*unpool_dots_collect)(const UnpoolDotsCollectArgs&);
  void (*unpool_dots)(const UnpoolDotsArgs&);
  // null where the unit has an instruction for dot products of bytes: direct convolution is faster then
  void (*winograd_input)(const QuantizedWinogradInputArgs&);
  void (*winograd_sums)(const QuantizedWinogradSumsArgs&);
  void (*winograd_output)(const QuantizedWinogradOutputArgs&);
};

}  // namespace dim::cpu
