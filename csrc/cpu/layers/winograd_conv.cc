#include "cpu/layers/winograd_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"
#include "cpu/layers/winograd_weights.h"
#include "cpu/layers/winograd_windows.h"

namespace dim::cpu {
namespace {

constexpr int kPatchRows = 2;
constexpr int kMinBatchPatches = 28, kMaxBatchPatches = 56;
constexpr int kInputBytes = 256 << 10;  // of transformed input that should stay in the second-level cache
/// Input blocks summed in one go: sums of short sums round less, and larger transforms need that more. F(2×2, 3×3)
/// takes what the direct kernel does.
constexpr int chain_blocks(Size window) {
  if (window.width == 4) return 16;
  return window.height == 4 ? 2 : 1;
}

}  // namespace

/// Parts of a thread's scratch memory.
struct WinogradConv::Scratch {
  float* input;   // [element][in block][patch][16]
  float* sums;    // [element][block in group][patch][16]
  float* result;  // rows of one piece and block, when only the pooled result is kept
};

WinogradConv::WinogradConv(const KernelTables& kernels, const ConvWeights& w, bool keep_ties, bool relu)
    : kernels_(kernels),
      kernel_(w.kernel),
      window_{kPatchRows + w.kernel - 1, w.kernel == 3 && keep_ties ? 4 : kMaxWindow},
      patch_{window_.height + 1 - w.kernel, window_.width + 1 - w.kernel},
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      groups_((out_blocks_ + kernels.floats->conv_group - 1) / kernels.floats->conv_group),
      relu_(relu),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  const int patch_bytes = elements() * in_blocks_ * kLanes * static_cast<int>(sizeof(float));
  batch_patches_ = std::clamp(kInputBytes / patch_bytes, kMinBatchPatches, kMaxBatchPatches);
  const WinogradAxis vertical = winograd_axis(kernel_, window_.height);
  const WinogradAxis horizontal = winograd_axis(kernel_, window_.width);
  const std::size_t in_lanes = at(in_blocks_ * kLanes);
  weights_ = AlignedFloats(in_lanes * at(out_blocks_ * kLanes) * at(elements()));
  for (int o = 0; o < w.out_channels; ++o) {
    const int group = o / (kernels.floats->conv_group * kLanes);
    const int first = group * kernels.floats->conv_group;  // block
    const std::size_t lanes = at(std::min(kernels.floats->conv_group, out_blocks_ - first) * kLanes);
    float* out = weights_.data() + at(first * kLanes) * in_lanes * at(elements()) + at(o - first * kLanes);
    for (int i = 0; i < w.in_channels; ++i) {
      const std::vector<float> values = winograd_weights(w, vertical, horizontal, o, i);
      for (std::size_t e = 0; e < values.size(); ++e) out[(e * in_lanes + at(i)) * lanes] = values[e];
    }
  }
}

void WinogradConv::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, batch_patches_);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(batch_count, call.team->threads(), groups_);
  call.team->run(batch_count * shares, scratch_bytes(), [&](int job, std::byte* bytes) {
    auto* const memory = reinterpret_cast<float*>(bytes);
    const Batch& batch = work[at(job / shares)];
    const int share = job % shares;
    Scratch mine = {memory, memory + input_floats(), memory + input_floats() + sum_floats()};
    transform_input(call, batch, mine);
    for (int group = groups_ * share / shares; group < groups_ * (share + 1) / shares; ++group)
      run_group(call, batch, group, mine);
  });
}

void WinogradConv::transform_input(const ConvCall& call, const Batch& batch, Scratch& scratch) const {
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  const std::ptrdiff_t element_stride = padded_stride(block_stride * in_blocks_);
  const int radius = kernel_ / 2;
  for (int b = 0; b < in_blocks_; ++b) {
    float* out = scratch.input + b * block_stride;
    for (const Piece& piece : batch.pieces) {
      const int patches = piece.x1 - piece.x0;
      const int y = piece.y * patch_.height - radius, x = piece.x0 * patch_.width - radius;
      transform_windows(*kernels_.floats, call, window_, patch_.width, b, y, x, patches, out, element_stride);
      out += std::ptrdiff_t{patches} * kLanes;
    }
  }
}

void WinogradConv::run_group(const ConvCall& call, const Batch& batch, int group, Scratch& scratch) const {
  const int first = group * kernels_.floats->conv_group;
  const int blocks = std::min(kernels_.floats->conv_group, out_blocks_ - first);
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * kLanes;
  const std::ptrdiff_t element_weights = std::ptrdiff_t{in_blocks_} * kLanes * blocks * kLanes;
  const std::ptrdiff_t group_weights = std::ptrdiff_t{first} * kLanes * in_blocks_ * kLanes * elements();
  static constexpr float kZeros[4 * kLanes] = {};  // at least a group
  ConvArgs args{};  // for every element a matrix product: a 1×1 convolution whose pixels are the patches
  args.in_block_stride = block_stride;
  args.in_lanes = kLanes;
  args.kernel = {1, 1};
  args.group = blocks;
  args.out_block_stride = block_stride;
  args.pixels = batch.cells;
  const int chain = chain_blocks(window_);
  for (int e = 0; e < elements(); ++e) {
    args.output = scratch.sums + e * padded_stride(block_stride * blocks);
    for (int in = 0; in < in_blocks_; in += chain) {
      args.in_blocks = std::min(chain, in_blocks_ - in);
      args.input = scratch.input + e * padded_stride(block_stride * in_blocks_) + in * block_stride;
      args.weights =
          weights_.data() + group_weights + e * element_weights + std::ptrdiff_t{in} * kLanes * blocks * kLanes;
      args.epilogue = {in == 0 ? kZeros : nullptr, false};
      kernels_.floats->conv(args);
    }
  }
  for (int b = 0; b < blocks; ++b) {
    int first_patch = 0;
    for (const Piece& piece : batch.pieces) {
      const float* sums = scratch.sums + b * block_stride + std::ptrdiff_t{first_patch} * kLanes;
      write_piece(call, piece, sums, padded_stride(block_stride * blocks), first + b, scratch);
      first_patch += piece.x1 - piece.x0;
    }
  }
}

/// Transforms the sums of a piece back and, where asked to, pools the result while it is in the cache.
void WinogradConv::write_piece(const ConvCall& call, const Piece& piece, const float* sums,
                               std::ptrdiff_t element_stride, int out_block, Scratch& scratch) const {
  const MapLayout& layout = call.output.layout;
  const int patches = piece.x1 - piece.x0;
  const int y0 = piece.y * patch_.height, x0 = piece.x0 * patch_.width;
  WinogradOutputArgs args{};
  args.input = sums;
  args.element_stride = element_stride;
  args.patches = patches;
  args.window = window_;
  args.patch = patch_;
  args.rows = std::min(patch_.height, layout.size.height - y0);
  args.pixels = std::min(patches * patch_.width, layout.size.width - x0);
  args.epilogue = {bias_.data() + std::ptrdiff_t{out_block} * kLanes, relu_};
  Results results = {scratch.result, 0, std::ptrdiff_t{patches} * patch_.width * kLanes, out_block, y0, x0};
  if (call.output.data != nullptr)
    results = {call.output.at(out_block, y0, x0), 0, layout.row_stride(), out_block, y0, x0};
  args.output = results.data;
  args.row_stride = results.row_stride;
  kernels_.floats->winograd_output(args);
  for (int y = y0; y < y0 + args.rows; ++y) quantize_row(kernels_, call, results, out_block, y, x0, x0 + args.pixels);
  for (int y = y0 / 2; y < (y0 + args.rows) / 2; ++y)
    pool_row(kernels_, call, results, out_block, y, x0 / 2, (x0 + args.pixels) / 2);
}

}  // namespace dim::cpu
