// The kernels of the CPU backend: plain structs of pointers in, nothing allocated, nothing thrown.
//
// Memory: a map holds its channels in blocks of `lanes` (16; 4 for the network input), as [block][y][x][lane], with a
// border of zeros wide enough for the convolutions that read it. All strides are in elements.
//
// Every kernel set does the same to rounding: kernels/scalar.cc says plainly what, kernels/simd.cc is compiled once
// per instruction set. Those units must not use inline functions of the standard library: the linker may keep the
// copy that was compiled with the widest instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/size.h"
#include "cpu/kernels/inline.h"
#include "cpu/kernels/quantized.h"
#include "cpu/kernels/unpool.h"

namespace dim::cpu {

/// What becomes of a sum before it is stored.
struct Epilogue {
  const float* bias;  // by output channel; null adds to what is in the output
  bool relu;
};

/// "Same" convolution of one row span for one group of output blocks, over some of the input blocks.
struct ConvArgs {
  const float* input;  // block 0, at the upper left tap of the first pixel
  std::ptrdiff_t in_row_stride, in_block_stride;
  int in_blocks;
  int in_lanes;          // 4 or 16
  Size kernel;           // a layer's is odd and square; a Winograd layer's sums are over 1×1, or a column
  const float* weights;  // [in block][ky][kx][in lane][group * 16]
  int group;             // output blocks, 1 or FloatKernels::conv_group
  Epilogue epilogue;     // bias: [group * 16]
  float* output;         // first pixel, block 0 of the group
  std::ptrdiff_t out_block_stride;
  int pixels;
};

/// Convolution to a single channel: [pixels] floats. Input lanes are 16.
struct ConvHeadArgs {
  const float* input;
  std::ptrdiff_t in_row_stride, in_block_stride;
  int in_blocks;
  int kernel;
  const float* weights;  // [in block][ky][kx][16]
  Epilogue epilogue;     // with a bias, of one channel
  float* output;
  int pixels;
};

/// 1 / (1 + e⁻ˣ).
struct SigmoidArgs {
  const float* input;
  std::ptrdiff_t input_step;  // from a pixel to the next
  float* output;
  int pixels;
};

/// 2×2 max pooling with argmax codes of one output span, 16 lanes; the first maximum in row-major order wins.
struct MaxPoolArgs {
  const float* upper;  // two input rows at the first window
  const float* lower;
  float* output;
  std::uint8_t* codes;  // 0 1 / 2 3 by position in the window
  int pixels;           // of the output
};

/// Lists some lanes of one block, for the columns of pixels of a row of cells. Value: float, or that of a quantized
/// map, which is listed as a float.
template <typename Value>
struct UnpoolCollectArgs {
  const Value* values;        // first cell of the uppermost row that the quads reach, first lane
  const std::uint8_t* codes;  // same
  std::ptrdiff_t value_row_stride, code_row_stride;
  int kernel;                                      // odd
  int cells;                                       // in a row
  int lanes;                                       // how many, from the first
  std::int32_t tap_step, tap_row_step, lane_step;  // of offsets: to the next tap, the one below, the next lane's
  UnpoolLists<float> lists;  // room for what is listed and kLanes entries more; begin[0] is where to go on
};

/// Adds the listed values' contributions to output quads, for one group of output lanes.
struct UnpoolConvArgs {
  UnpoolLists<float> lists;
  int first_column;  // of those listed, that the first quad reads
  int kernel;
  int quads;
  const float* weights;         // of the first quad: tap that an offset of 0 gives to output pixel (0, 0)
  std::ptrdiff_t tap_row_step;  // from a tap to the one below; beside each row of taps are zeros, as one more tap
  Epilogue epilogue;            // bias: [unpool_group]
  float* upper;                 // first quad's upper output pixels, at the group's first lane
  float* lower;
};

/// Winograd convolution (Lavin & Gray, CVPR 2016): a window of input pixels becomes a patch of output pixels (a tile,
/// in the paper), each axis by its own transform of length 4 or 6. Windows are 4×6 for 3×3 kernels, with patches of
/// 2×4, and 6×6 for 5×5 kernels, with patches of 2×2. Where rows alone are transformed they are 1×6, with patches of
/// 1×4 for 3×3 kernels and 1×2 for 5×5. An element is a position in the window.

/// The finite points besides 0 of a transform of length 6: ±a, ±b. The common 1 and 2 round twice as badly. A transform
/// of length 4 has ±1.
inline constexpr float kWinogradA = 0.625f;
inline constexpr float kWinogradB = 1.5f;

/// Transforms the windows of a row of patches, 16 lanes.
struct WinogradInputArgs {
  Size window;         // 1×6, 4×6 or 6×6
  const float* input;  // upper left pixel of the first window
  std::ptrdiff_t row_stride;
  std::ptrdiff_t patch_step;  // from a window to the next
  int patches;
  float* output;  // [element][patch][16]
  std::ptrdiff_t element_stride;
};

/// The same for 6×6 or 1×6 windows of an unpooled map, which are 3×3 cells or a row of 3, plus an optional second map.
/// Value: float, or those of two quantized maps, whose transform is in steps of the first.
template <typename Value>
struct WinogradUnpoolArgs {
  Size window;
  int row;                    // of the cells' two rows of pixels, where a window is one of them; else 0
  const Value* values;        // upper left cell of the first window; the next window is one cell further
  const std::uint8_t* codes;  // same
  std::ptrdiff_t cell_row_stride;
  const Value* add;  // upper left pixel of the first window, or null; the next window is two pixels further
  std::ptrdiff_t add_row_stride;
  float add_scale;  // of quantized maps: a step of `add`, in steps of `values`
  int patches;
  float* output;
  std::ptrdiff_t element_stride;
};

/// Transforms sums of products back to a row of patches, 16 lanes, with bias and optional ReLU.
struct WinogradOutputArgs {
  const float* input;  // [element][patch][16]
  std::ptrdiff_t element_stride;
  int patches;
  Size window, patch;
  int rows;           // of the patches that lie inside the map
  int pixels;         // per row, inside the map
  Epilogue epilogue;  // with a bias, [16]
  float* output;
  std::ptrdiff_t row_stride;
};

/// What a unit computes on float32 maps. Each element type has a table of its own, and a unit fills those it is for;
/// cpu/isa.h chooses among them.
struct FloatKernels {
  int conv_group;    // output blocks that `conv` computes at once
  int unpool_group;  // output lanes that `unpool_conv` computes at once: 8 or 16
  // up to so many input channels Winograd's transforms of a second direction take longer than the products they save,
  // and where ties are kept those of the first
  int thin_3x3, thin_5x5;
  void (*conv)(const ConvArgs&);
  void (*conv_head)(const ConvHeadArgs&);
  void (*sigmoid)(const SigmoidArgs&);
  void (*max_pool)(const MaxPoolArgs&);
  void (*unpool_collect)(const UnpoolCollectArgs<float>&);
  void (*unpool_collect_quantized)(const UnpoolCollectArgs<std::uint8_t>&);
  void (*unpool_conv)(const UnpoolConvArgs&);
  void (*winograd_input)(const WinogradInputArgs&);
  void (*winograd_unpool)(const WinogradUnpoolArgs<float>&);
  void (*winograd_unpool_quantized)(const WinogradUnpoolArgs<std::uint8_t>&);
  void (*winograd_output)(const WinogradOutputArgs&);
};

/// What layers compute with.
struct KernelTables {
  const FloatKernels* floats = nullptr;
  const QuantizedKernels* quantized = nullptr;
};

}  // namespace dim::cpu
