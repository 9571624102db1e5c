#include "cpu/layers/quantized_winograd.h"

#include <algorithm>

#include "cpu/layers/results.h"

namespace dim::cpu {
namespace {

constexpr int kMinBatchPatches = 28, kMaxBatchPatches = 112;
constexpr int kInputBytes = 256 << 10;  // of transformed input that should stay in the second-level cache
constexpr std::ptrdiff_t kBlockWeights = kLanes * kLanes;

std::size_t at(int n) { return static_cast<std::size_t>(n); }

/// Twice the weights' transform for the points 0, 1, -1, ∞.
constexpr int kTwice[4][3] = {{-2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};

std::int16_t transformed(const ConvWeights& w, int o, int i, int row, int column) {
  int sum = 0;
  for (int ky = 0; ky < 3; ++ky)
    for (int kx = 0; kx < 3; ++kx) sum += kTwice[row][ky] * kTwice[column][kx] * w.int8_tap(o, i, ky, kx);
  return static_cast<std::int16_t>(sum);
}

}  // namespace

QuantizedWinograd::QuantizedWinograd(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels),
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      relu_(relu),
      weights_(at(kElements * in_blocks_) * at(out_blocks_) * at(kBlockWeights)),
      scale_(w.padded_scale(out_blocks_ * kLanes)),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  const int patch_bytes = kElements * in_blocks_ * kLanes * static_cast<int>(sizeof(std::int16_t));
  batch_patches_ = std::clamp(kInputBytes / patch_bytes, kMinBatchPatches, kMaxBatchPatches);
  std::int16_t* out = weights_.data();
  for (int block = 0; block < out_blocks_; ++block)
    for (int e = 0; e < kElements; ++e)
      for (int i = 0; i < in_blocks_ * kLanes; i += 2)
        for (int o = 0; o < kLanes; ++o)
          for (int pair = 0; pair < 2; ++pair) *out++ = transformed(w, block * kLanes + o, i + pair, e / 4, e % 4);
}

std::size_t QuantizedWinograd::scratch_bytes() const {
  const std::size_t patch = at(batch_patches_) * kLanes;
  return patch * (kQuad.area() * sizeof(float) + kElements * sizeof(std::int32_t) +
                  at(kElements * in_blocks_) * sizeof(std::int16_t));
}

QuantizedWinograd::Scratch QuantizedWinograd::scratch_of(std::byte* memory) const {
  const std::size_t patch = at(batch_patches_) * kLanes;
  auto* const result = reinterpret_cast<float*>(memory);
  auto* const sums = reinterpret_cast<std::int32_t*>(result + patch * kQuad.area());
  return {result, sums, reinterpret_cast<std::int16_t*>(sums + patch * kElements)};
}

void QuantizedWinograd::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, batch_patches_);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(batch_count, call.team->threads(), out_blocks_);
  call.team->run(batch_count * shares, scratch_bytes(), [&](int job, std::byte* memory) {
    const Scratch scratch = scratch_of(memory);
    const Batch& batch = work[at(job / shares)];
    const int share = job % shares;
    transform_input(call, batch, scratch);
    for (int block = out_blocks_ * share / shares; block < out_blocks_ * (share + 1) / shares; ++block)
      run_block(call, batch, block, scratch);
  });
}

void QuantizedWinograd::transform_input(const ConvCall& call, const Batch& batch, const Scratch& scratch) const {
  const QuantizedMap& input = call.quantized_input;
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  for (int b = 0; b < in_blocks_; ++b) {
    std::int16_t* out = scratch.input + b * block_stride;
    for (const Piece& piece : batch.pieces) {
      const int patches = piece.x1 - piece.x0;
      kernels_.quantized->winograd_input({input.at(b, 2 * piece.y - 1, 2 * piece.x0 - 1), input.layout.row_stride(),
                                          patches, out, block_stride * in_blocks_});
      out += std::ptrdiff_t{patches} * kLanes;
    }
  }
}

void QuantizedWinograd::run_block(const ConvCall& call, const Batch& batch, int block, const Scratch& scratch) const {
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  for (int e = 0; e < kElements; ++e)
    kernels_.quantized->winograd_sums(
        {scratch.input + e * in_blocks_ * block_stride, block_stride, in_blocks_,
         weights_.data() + (std::ptrdiff_t{block} * kElements + e) * in_blocks_ * kBlockWeights,
         scratch.sums + e * block_stride, batch.cells});
  int first_patch = 0;
  for (const Piece& piece : batch.pieces) {
    write_piece(call, piece, scratch.sums + std::ptrdiff_t{first_patch} * kLanes, block_stride, block, scratch);
    first_patch += piece.x1 - piece.x0;
  }
}

void QuantizedWinograd::write_piece(const ConvCall& call, const Piece& piece, const std::int32_t* sums,
                                    std::ptrdiff_t element_stride, int block, const Scratch& scratch) const {
  const Size size = call.output.layout.size;
  const int patches = piece.x1 - piece.x0, y0 = 2 * piece.y, x0 = 2 * piece.x0;
  const QuantizedMap& quantized = call.quantized_output;
  const bool at_once = quantized.data != nullptr && !call.pools();  // by the kernel itself
  Results results = {scratch.result, 0, std::ptrdiff_t{patches} * 2 * kLanes, block, y0, x0};
  if (call.output.data != nullptr)
    results = {call.output.at(block, y0, x0), 0, call.output.layout.row_stride(), block, y0, x0};
  QuantizedWinogradOutputArgs args{};
  args.input = sums;
  args.element_stride = element_stride;
  args.patches = patches;
  args.rows = std::min(2, size.height - y0);
  args.pixels = std::min(2 * patches, size.width - x0);
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
  if (args.rows == 2) pool_row(kernels_, call, results, block, piece.y, piece.x0, (x0 + args.pixels) / 2);
}

}  // namespace dim::cpu
