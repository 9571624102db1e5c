#include "cpu/layers/quantized_winograd.h"

#include <algorithm>

#include "cpu/layers/results.h"

namespace dim::cpu {
namespace {

constexpr int kMinBatchPatches = 28, kMaxBatchPatches = 112;
constexpr int kInputBytes = 256 << 10;  // of transformed input that should stay in the second-level cache
constexpr std::ptrdiff_t kBlockWeights = kLanes * kLanes;

std::size_t at(int n) { return static_cast<std::size_t>(n); }

/// Twice the weights' transform for the points 0, 1, -1, ∞, and 24 times that for 0, 1, -1, 2, -2, ∞.
constexpr int kTwice[4][3] = {{-2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
constexpr int k24Times[6][3] = {{6, 0, 0}, {-4, -4, -4}, {-4, 4, -4}, {1, 2, 4}, {1, -2, 4}, {0, 0, 24}};

std::int16_t transformed(const ConvWeights& w, int o, int i, int element) {
  const int (&rows)[3] = kTwice[element / kWholeWindow.width], (&columns)[3] = k24Times[element % kWholeWindow.width];
  int sum = 0;
  for (int ky = 0; ky < 3; ++ky)
    for (int kx = 0; kx < 3; ++kx) sum += rows[ky] * columns[kx] * w.int8_tap(o, i, ky, kx);
  return static_cast<std::int16_t>(sum);
}

}  // namespace

/// Parts of a thread's scratch memory.
struct QuantizedWinograd::Scratch {
  float* result;        // rows of one piece and block, where they are not stored as they are
  std::int32_t* sums;   // [element][block in group][patch][16]
  std::int16_t* input;  // [element][in block][patch][16]
};

QuantizedWinograd::QuantizedWinograd(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels),
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      groups_((out_blocks_ + kernels.quantized->conv_group - 1) / kernels.quantized->conv_group),
      relu_(relu),
      weights_(at(kElements * in_blocks_) * at(out_blocks_) * at(kBlockWeights)),
      scale_(w.padded_scale(out_blocks_ * kLanes)),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  const int patch_bytes = kElements * in_blocks_ * kLanes * static_cast<int>(sizeof(std::int16_t));
  batch_patches_ = std::clamp(kInputBytes / patch_bytes, kMinBatchPatches, kMaxBatchPatches);
  const int group_lanes = kernels.quantized->conv_group * kLanes;
  std::int16_t* out = weights_.data();
  for (int first = 0; first < out_blocks_ * kLanes; first += group_lanes)
    for (int e = 0; e < kElements; ++e)
      for (int i = 0; i < in_blocks_ * kLanes; i += 2)
        for (int o = first; o < std::min(first + group_lanes, out_blocks_ * kLanes); ++o)
          for (int pair = 0; pair < 2; ++pair) *out++ = transformed(w, o, i + pair, e);
}

std::size_t QuantizedWinograd::scratch_bytes() const {
  const std::size_t patch = at(batch_patches_) * kLanes;
  return patch *
         (kWholePatch.area() * sizeof(float) + at(kElements * kernels_.quantized->conv_group) * sizeof(std::int32_t) +
          at(kElements * in_blocks_) * sizeof(std::int16_t));
}

QuantizedWinograd::Scratch QuantizedWinograd::scratch_of(std::byte* memory) const {
  const std::size_t patch = at(batch_patches_) * kLanes;
  auto* const result = reinterpret_cast<float*>(memory);
  auto* const sums = reinterpret_cast<std::int32_t*>(result + patch * kWholePatch.area());
  return {result, sums, reinterpret_cast<std::int16_t*>(sums + patch * at(kElements * kernels_.quantized->conv_group))};
}

void QuantizedWinograd::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, batch_patches_);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(batch_count, call.team->threads(), groups_);
  call.team->run(batch_count * shares, scratch_bytes(), [&](int job, std::byte* memory) {
    const Scratch scratch = scratch_of(memory);
    const Batch& batch = work[at(job / shares)];
    const int share = job % shares;
    transform_input(call, batch, scratch);
    for (int group = groups_ * share / shares; group < groups_ * (share + 1) / shares; ++group)
      run_group(call, batch, group, scratch);
  });
}

void QuantizedWinograd::transform_input(const ConvCall& call, const Batch& batch, const Scratch& scratch) const {
  const QuantizedMap& input = call.quantized_input;
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  for (int b = 0; b < in_blocks_; ++b) {
    std::int16_t* out = scratch.input + b * block_stride;
    for (const Piece& piece : batch.pieces) {
      const int patches = piece.x1 - piece.x0;
      const int y = piece.y * kWholePatch.height - 1, x = piece.x0 * kWholePatch.width - 1;
      kernels_.quantized->winograd_input(
          {input.at(b, y, x), input.layout.row_stride(), patches, out, block_stride * in_blocks_});
      out += std::ptrdiff_t{patches} * kLanes;
    }
  }
}

void QuantizedWinograd::run_group(const ConvCall& call, const Batch& batch, int group, const Scratch& scratch) const {
  const int first = group * kernels_.quantized->conv_group;
  const int blocks = std::min(kernels_.quantized->conv_group, out_blocks_ - first);
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  const std::ptrdiff_t element_weights = kBlockWeights * in_blocks_ * blocks;
  QuantizedWinogradSumsArgs args{};
  args.in_block_stride = args.out_block_stride = block_stride;
  args.in_blocks = in_blocks_;
  args.weights = weights_.data() + kBlockWeights * in_blocks_ * first * kElements;
  args.group = blocks;
  args.patches = batch.cells;
  for (int e = 0; e < kElements; ++e, args.weights += element_weights) {
    args.input = scratch.input + e * in_blocks_ * block_stride;
    args.output = scratch.sums + e * blocks * block_stride;
    kernels_.quantized->winograd_sums(args);
  }
  for (int b = 0; b < blocks; ++b) {
    const std::int32_t* sums = scratch.sums + b * block_stride;
    for (const Piece& piece : batch.pieces) {
      write_piece(call, piece, sums, blocks * block_stride, first + b, scratch);
      sums += std::ptrdiff_t{piece.x1 - piece.x0} * kLanes;
    }
  }
}

void QuantizedWinograd::write_piece(const ConvCall& call, const Piece& piece, const std::int32_t* sums,
                                    std::ptrdiff_t element_stride, int block, const Scratch& scratch) const {
  const Size size = call.output.layout.size;
  const int patches = piece.x1 - piece.x0;
  const int y0 = piece.y * kWholePatch.height, x0 = piece.x0 * kWholePatch.width;
  const QuantizedMap& quantized = call.quantized_output;
  const bool at_once = quantized.data != nullptr && !call.pools();  // by the kernel itself
  Results results = {scratch.result, 0, std::ptrdiff_t{patches} * kWholePatch.width * kLanes, block, y0, x0};
  if (call.output.data != nullptr)
    results = {call.output.at(block, y0, x0), 0, call.output.layout.row_stride(), block, y0, x0};
  QuantizedWinogradOutputArgs args{};
  args.input = sums;
  args.element_stride = element_stride;
  args.patches = patches;
  args.rows = std::min(kWholePatch.height, size.height - y0);
  args.pixels = std::min(patches * kWholePatch.width, size.width - x0);
  args.scale = scale_.data() + std::ptrdiff_t{block} * kLanes;
  args.bias = bias_.data() + std::ptrdiff_t{block} * kLanes;
  args.relu = relu_;
  args.output = at_once ? nullptr : results.data;
  args.quantized = at_once ? quantized.at(block, y0, x0) : nullptr;
  args.per_scale = 1.0f / quantized.scale;
  args.row_stride = at_once ? quantized.layout.row_stride() : results.row_stride;
  kernels_.quantized->winograd_output(args);
  if (at_once) return;
  for (int y = y0; y < y0 + args.rows; ++y) quantize_row(kernels_, call, results, block, y, x0, x0 + args.pixels);
  if (args.rows == 2) pool_row(kernels_, call, results, block, y0 / 2, x0 / 2, (x0 + args.pixels) / 2);
}

}  // namespace dim::cpu
