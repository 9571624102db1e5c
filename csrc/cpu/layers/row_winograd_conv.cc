#include "cpu/layers/row_winograd_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"
#include "cpu/layers/winograd_weights.h"
#include "cpu/layers/winograd_windows.h"

namespace dim::cpu {
namespace {

constexpr int kRows = 8;
constexpr int kMinColumns = 12, kMaxColumns = 36;
constexpr int kInputBytes = 192 << 10;  // of transformed input that should stay in the second-level cache
constexpr int kChainTerms = 96;         // sums of partial sums round less than one long chain

std::size_t at(int n) { return static_cast<std::size_t>(n); }

int columns_of(const Slab& slab) { return slab.x1 - slab.x0; }

/// Calls `visit(begin, end)` for the patches of a slab that the region has, counted row by row; rows that are whole
/// make one run.
template <typename Visit>
void for_runs(const Region& region, const Slab& slab, Visit visit) {
  int begin = 0, end = 0;
  for (int y = slab.y0; y < slab.y1; ++y)
    for_spans(region.row(y), slab.x0, slab.x1, [&](int first, int last) {
      const int row = (y - slab.y0) * columns_of(slab) - slab.x0;
      if (row + first != end) {
        if (end > begin) visit(begin, end);
        begin = row + first;
      }
      end = row + last;
    });
  if (end > begin) visit(begin, end);
}

}  // namespace

/// Parts of a thread's scratch memory.
struct RowWinogradConv::Scratch {
  float* input;  // [element][in block][row][patch][16], rows as the kernel reads them
  float* sums;   // [element][block in group][row][patch][16]
  float* row;    // [pixel][16] of results that are not stored as they are
};

RowWinogradConv::RowWinogradConv(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels),
      kernel_(w.kernel),
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      groups_((out_blocks_ + kernels.floats->conv_group - 1) / kernels.floats->conv_group),
      relu_(relu),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  const int column_bytes = kWindow * in_blocks_ * (kRows + kernel_ - 1) * kLanes * static_cast<int>(sizeof(float));
  most_columns_ = std::clamp(kInputBytes / column_bytes, kMinColumns, kMaxColumns);
  const WinogradAxis vertical = untransformed_axis(kernel_), horizontal = winograd_axis(kernel_, kWindow);
  const std::size_t block_terms = at(kernel_ * kLanes);
  const std::size_t element_terms = at(in_blocks_) * block_terms;
  weights_ = AlignedFloats(at(kWindow * out_blocks_ * kLanes) * element_terms);
  for (int o = 0; o < w.out_channels; ++o) {
    const int group = o / (kernels.floats->conv_group * kLanes);
    const int first = group * kernels.floats->conv_group;  // block
    const std::size_t lanes = at(std::min(kernels.floats->conv_group, out_blocks_ - first) * kLanes);
    float* out = weights_.data() + at(first * kLanes * kWindow) * element_terms + at(o - first * kLanes);
    for (int i = 0; i < w.in_channels; ++i) {
      const std::vector<float> values = winograd_weights(w, vertical, horizontal, o, i);  // [ky][element]
      for (std::size_t v = 0; v < values.size(); ++v) {
        const std::size_t element = v % at(kWindow), ky = v / at(kWindow);
        const std::size_t term = at(i / kLanes) * block_terms + ky * kLanes + at(i % kLanes);
        out[(element * element_terms + term) * lanes] = values[v];
      }
    }
  }
}

std::ptrdiff_t RowWinogradConv::in_block_stride(const Slab& slab) const {
  return std::ptrdiff_t{slab.y1 - slab.y0 + kernel_ - 1} * columns_of(slab) * kLanes;
}

std::ptrdiff_t RowWinogradConv::in_element_stride(const Slab& slab) const {
  return padded_stride(in_block_stride(slab) * in_blocks_);
}

std::size_t RowWinogradConv::scratch_bytes() const {
  const Slab largest = {0, kRows, 0, most_columns_};
  const std::size_t sums = at(kRows * most_columns_ * kernels_.floats->conv_group + 1) * kLanes;
  return (row_floats() + at(kWindow) * (static_cast<std::size_t>(in_element_stride(largest)) + sums)) * sizeof(float);
}

std::vector<Slab> RowWinogradConv::slabs(const Region& patches) const {
  std::vector<Slab> out;
  const Size size = patches.size();
  for (int y = 0; y < size.height; y += kRows)
    for (int x = 0; x < size.width; x += most_columns_) {
      const Slab slab = bounds_of(patches, {y, y + kRows, x, x + most_columns_});
      if (slab.y0 < slab.y1) out.push_back(slab);
    }
  return out;
}

void RowWinogradConv::run(const ConvCall& call) const {
  const std::vector<Slab> work = slabs(*call.region);
  if (work.empty()) return;
  const auto slab_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(slab_count, call.team->threads(), groups_);
  call.team->run(slab_count * shares, scratch_bytes(), [&](int job, std::byte* bytes) {
    auto* const memory = reinterpret_cast<float*>(bytes);
    const Slab& slab = work[at(job / shares)];
    const int share = job % shares;
    Scratch mine = {memory + row_floats(), nullptr, memory};
    mine.sums = mine.input + kWindow * in_element_stride(slab);
    transform_input(call, slab, mine.input);
    for (int group = groups_ * share / shares; group < groups_ * (share + 1) / shares; ++group)
      run_group(call, slab, group, mine);
  });
}

void RowWinogradConv::transform_input(const ConvCall& call, const Slab& slab, float* transformed) const {
  const int radius = kernel_ / 2, patches = columns_of(slab);
  for (int b = 0; b < in_blocks_; ++b) {
    float* out = transformed + b * in_block_stride(slab);
    for (int y = slab.y0 - radius; y < slab.y1 + radius; ++y, out += std::ptrdiff_t{patches} * kLanes)
      transform_windows(*kernels_.floats, call, {1, kWindow}, patch().width, b, y, slab.x0 * patch().width - radius,
                        patches, out, in_element_stride(slab));
  }
}

void RowWinogradConv::run_group(const ConvCall& call, const Slab& slab, int group, const Scratch& scratch) const {
  const int first = group * kernels_.floats->conv_group;
  const int blocks = std::min(kernels_.floats->conv_group, out_blocks_ - first);
  const std::ptrdiff_t out_block_stride = std::ptrdiff_t{slab.y1 - slab.y0} * columns_of(slab) * kLanes;
  const std::ptrdiff_t out_element_stride = padded_stride(out_block_stride * blocks);
  const std::ptrdiff_t block_weights = std::ptrdiff_t{kernel_} * kLanes * blocks * kLanes;
  const float* weights = weights_.data() + std::ptrdiff_t{first} * kLanes * kWindow * in_blocks_ * kernel_ * kLanes;
  static constexpr float kZeros[4 * kLanes] = {};  // at least a group
  ConvArgs args{};  // for every element a convolution with a column, whose pixels are the patches
  args.in_row_stride = std::ptrdiff_t{columns_of(slab)} * kLanes;
  args.in_block_stride = in_block_stride(slab);
  args.in_lanes = kLanes;
  args.kernel = {kernel_, 1};
  args.group = blocks;
  args.out_block_stride = out_block_stride;
  const int chain = std::max(1, kChainTerms / (kernel_ * kLanes));
  for (int e = 0; e < kWindow; ++e)
    for (int b = 0; b < in_blocks_; b += chain, weights += block_weights * args.in_blocks) {
      args.in_blocks = std::min(chain, in_blocks_ - b);
      args.weights = weights;
      args.epilogue = {b == 0 ? kZeros : nullptr, false};
      for_runs(*call.region, slab, [&](int begin, int end) {
        args.input = scratch.input + e * in_element_stride(slab) + b * args.in_block_stride + begin * kLanes;
        args.output = scratch.sums + e * out_element_stride + begin * kLanes;
        args.pixels = end - begin;
        kernels_.floats->conv(args);
      });
    }
  for (int b = 0; b < blocks; ++b)
    write_block(call, slab, scratch, scratch.sums + b * out_block_stride, out_element_stride, first + b);
}

/// Transforms the sums of an output block back.
void RowWinogradConv::write_block(const ConvCall& call, const Slab& slab, const Scratch& scratch, const float* sums,
                                  std::ptrdiff_t element_stride, int out_block) const {
  WinogradOutputArgs args{};
  args.element_stride = element_stride;
  args.window = {1, kWindow};
  args.patch = patch();
  args.rows = 1;
  args.epilogue = {bias_.data() + std::ptrdiff_t{out_block} * kLanes, relu_};
  for (int y = slab.y0; y < slab.y1; ++y)
    for_spans(call.region->row(y), slab.x0, slab.x1, [&](int begin, int end) {
      const std::ptrdiff_t first = (y - slab.y0) * columns_of(slab) + begin - slab.x0;  // patch
      const int x0 = begin * patch().width, x1 = std::min(end * patch().width, call.output.layout.size.width);
      const bool stored = call.output.data != nullptr;
      const Results results = {stored ? call.output.at(out_block, y, x0) : scratch.row, 0, 0, out_block, y, x0};
      args.input = sums + first * kLanes;
      args.patches = end - begin;
      args.pixels = x1 - x0;
      args.output = results.data;
      kernels_.floats->winograd_output(args);
      quantize_row(kernels_, call, results, out_block, y, x0, x1);
    });
}

}  // namespace dim::cpu
