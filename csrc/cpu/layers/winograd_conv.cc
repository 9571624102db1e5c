#include "cpu/layers/winograd_conv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cpu/layers/results.h"
#include "cpu/layers/winograd_ties.h"
#include "cpu/layers/winograd_weights.h"
#include "cpu/layers/winograd_windows.h"

namespace dim::cpu {
namespace {

constexpr int kPatchRows = 2;
constexpr int kMinBatchPatches = 28, kMaxBatchPatches = 56;
constexpr int kInputBytes = 256 << 10;  // of transformed input that should stay in the second-level cache
/// Input blocks summed in one go: sums of short sums round less, and larger transforms need that more.
constexpr int chain_blocks(Size window) { return window.height == 4 ? 2 : 1; }

}  // namespace

/// Parts of a thread's scratch memory.
struct WinogradConv::Scratch {
  float* input;   // [element][in block][patch][16]
  float* sums;    // [element][block in group][patch][16]
  float* result;  // rows of one piece and block, when only the pooled result is kept
  Ties ties = {};
  std::vector<float> tie_values = {};  // [out block][value][16], of the job's groups
};

WinogradConv::WinogradConv(const KernelTables& kernels, const ConvWeights& w, std::shared_ptr<const DenseConv> ties,
                           bool relu)
    : kernels_(kernels),
      kernel_(w.kernel),
      window_{kPatchRows + w.kernel - 1, kMaxWindow},
      patch_{window_.height + 1 - w.kernel, window_.width + 1 - w.kernel},
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      groups_((out_blocks_ + kernels.floats->conv_group - 1) / kernels.floats->conv_group),
      relu_(relu),
      ties_(std::move(ties)),
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
    const Groups groups = {groups_ * share / shares, groups_ * (share + 1) / shares};
    Scratch mine = {memory, memory + input_floats(), memory + input_floats() + sum_floats()};
    if (ties_ != nullptr) mine.ties = find_ties(call.input, batch, patch_);
    if (!mine.ties.pixels.empty()) compute_ties(call, groups, mine);
    const Batch& patches = mine.ties.pixels.empty() ? batch : mine.ties.others;
    transform_input(call, patches, mine);
    for (int group = groups.begin; group < groups.end; ++group) {
      multiply(patches, group, mine);
      write_group(call, batch, patches, group, mine);
    }
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

int WinogradConv::blocks_in(int group) const {
  return std::min(kernels_.floats->conv_group, out_blocks_ - group * kernels_.floats->conv_group);
}

/// Before the batch itself, whose scratch memory this takes.
void WinogradConv::compute_ties(const ConvCall& call, Groups groups, Scratch& scratch) const {
  const auto values = static_cast<int>(scratch.ties.values.size());
  const int most = batch_patches_ * elements() / (kernel_ * kernel_);  // at once
  scratch.tie_values.resize(at(out_blocks_ * values * kLanes));
  for (int first = 0; first < values; first += most) {
    const int count = std::min(most, values - first);
    scratch.ties.gather(call.input, first, count, scratch.input);
    for (int group = groups.begin; group < groups.end; ++group) {
      float* out = &scratch.tie_values[at((group * kernels_.floats->conv_group * values + first) * kLanes)];
      ties_->run_gathered(scratch.input, count, group, out, std::ptrdiff_t{values} * kLanes);
    }
  }
}

void WinogradConv::multiply(const Batch& patches, int group, Scratch& scratch) const {
  const int first = group * kernels_.floats->conv_group;
  const int blocks = blocks_in(group);
  const std::ptrdiff_t block_stride = std::ptrdiff_t{patches.cells} * kLanes;
  const std::ptrdiff_t element_weights = std::ptrdiff_t{in_blocks_} * kLanes * blocks * kLanes;
  const std::ptrdiff_t group_weights = std::ptrdiff_t{first} * kLanes * in_blocks_ * kLanes * elements();
  static constexpr float kZeros[4 * kLanes] = {};  // at least a group
  ConvArgs args{};  // for every element a matrix product: a 1×1 convolution whose pixels are the patches
  args.in_block_stride = block_stride;
  args.in_lanes = kLanes;
  args.kernel = {1, 1};
  args.group = blocks;
  args.out_block_stride = block_stride;
  args.pixels = patches.cells;
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
}

/// Of the batch, results for `patches` and ties; where asked to, pools them while they are in the cache.
void WinogradConv::write_group(const ConvCall& call, const Batch& batch, const Batch& patches, int group,
                               Scratch& scratch) const {
  const int blocks = blocks_in(group), first = group * kernels_.floats->conv_group;
  const std::ptrdiff_t block_stride = std::ptrdiff_t{patches.cells} * kLanes;
  for (int b = 0; b < blocks; ++b) {
    const float* sums = scratch.sums + b * block_stride;
    auto part = patches.pieces.begin();
    auto tie = scratch.ties.pixels.begin();
    for (const Piece& piece : batch.pieces) {
      const Results results = results_at(call, piece, first + b, scratch);
      for (; part != patches.pieces.end() && part->y == piece.y && part->x1 <= piece.x1; ++part) {
        transform_sums(call, *part, sums, padded_stride(block_stride * blocks), results);
        sums += std::ptrdiff_t{part->x1 - part->x0} * kLanes;
      }
      for (; tie != scratch.ties.pixels.end() && is_in(*tie, piece, patch_); ++tie) {
        const std::size_t value = at(first + b) * scratch.ties.values.size() + at(tie->value);
        std::copy_n(&scratch.tie_values[value * kLanes], kLanes, results.at(first + b, tie->y, tie->x));
      }
      finish_piece(call, piece, results);
    }
  }
}

Results WinogradConv::results_at(const ConvCall& call, const Piece& piece, int out_block, Scratch& scratch) const {
  const int y = piece.y * patch_.height, x = piece.x0 * patch_.width;
  if (call.output.data != nullptr)
    return {call.output.at(out_block, y, x), 0, call.output.layout.row_stride(), out_block, y, x};
  return {scratch.result, 0, std::ptrdiff_t{piece.x1 - piece.x0} * patch_.width * kLanes, out_block, y, x};
}

void WinogradConv::transform_sums(const ConvCall& call, const Piece& piece, const float* sums,
                                  std::ptrdiff_t element_stride, const Results& results) const {
  const Size inside = call.output.layout.size;
  const int y = piece.y * patch_.height, x = piece.x0 * patch_.width;
  WinogradOutputArgs args{};
  args.input = sums;
  args.element_stride = element_stride;
  args.patches = piece.x1 - piece.x0;
  args.window = window_;
  args.patch = patch_;
  args.rows = std::min(patch_.height, inside.height - y);
  args.pixels = std::min(args.patches * patch_.width, inside.width - x);
  args.epilogue = {bias_.data() + std::ptrdiff_t{results.block} * kLanes, relu_};
  args.output = results.at(results.block, y, x);
  args.row_stride = results.row_stride;
  kernels_.floats->winograd_output(args);
}

void WinogradConv::finish_piece(const ConvCall& call, const Piece& piece, const Results& results) const {
  const Size inside = call.output.layout.size;
  const int y0 = results.y, y1 = std::min(y0 + patch_.height, inside.height);
  const int x0 = results.x, x1 = std::min(piece.x1 * patch_.width, inside.width);
  for (int y = y0; y < y1; ++y) quantize_row(kernels_, call, results, results.block, y, x0, x1);
  for (int y = y0 / 2; y < y1 / 2; ++y) pool_row(kernels_, call, results, results.block, y, x0 / 2, x1 / 2);
}

}  // namespace dim::cpu
