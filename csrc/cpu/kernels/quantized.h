// Kernels on quantized maps: bytes in, exact sums of whole numbers, and floats or bytes out. Memory and rules are those
// of kernels/kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

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
  // null where the unit has an instruction for dot products of bytes: direct convolution is faster then
  void (*winograd_input)(const QuantizedWinogradInputArgs&);
  void (*winograd_sums)(const QuantizedWinogradSumsArgs&);
  void (*winograd_output)(const QuantizedWinogradOutputArgs&);
};

}  // namespace dim::cpu
