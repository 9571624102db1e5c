#include "cpu/layers/quantized_unpool_conv.h"

#include <algorithm>

#include "cpu/layers/unpool_lists.h"

namespace dim::cpu {
namespace {

constexpr int kTap = kLanes * kDotChannels;        // weights of a tap
constexpr int kBlockDots = kLanes / kDotChannels;  // of a pixel
constexpr int kQuadSums = 4 * kLanes;              // of a block of output

std::size_t at(int n) { return static_cast<std::size_t>(n); }

UnpoolListRoom<FourBytes> room_for(int reach) { return {reach, kUnpoolDotsBlocks * kLanes}; }

}  // namespace

QuantizedUnpoolConv::QuantizedUnpoolConv(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels),
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      kernel_(w.kernel),
      reach_(unpool_reach(kernel_)),
      row_taps_(kernel_ + 1),
      relu_(relu),
      scale_(w.padded_scale(out_blocks_ * kLanes)),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  weights_ = AlignedArray<std::int8_t>(static_cast<std::size_t>(weights_at(out_blocks_, 0)));
  for (int block = 0; block < out_blocks_; ++block) {
    std::int8_t* out = weights_.data() + weights_at(block, 0);
    for (int i = 0; i < in_blocks_ * kLanes; i += kDotChannels)
      for (int ky = 0; ky < kernel_; ++ky)
        for (int kx = 0; kx < row_taps_; ++kx)
          for (int o = block * kLanes; o < (block + 1) * kLanes; ++o)
            for (int d = 0; d < kDotChannels; ++d) *out++ = kx < kernel_ ? w.int8_tap(o, i + d, ky, kx) : std::int8_t{};
  }
}

std::size_t QuantizedUnpoolConv::scratch_bytes() const {
  const std::size_t sums = in_blocks_ > kUnpoolDotsBlocks ? at(out_blocks_ * kBatchQuads * kQuadSums) : 0;
  return room_for(reach_).bytes() + sums * sizeof(std::int32_t);
}

std::ptrdiff_t QuantizedUnpoolConv::weights_at(int out_block, int in_block) const {
  const std::ptrdiff_t block_taps = std::ptrdiff_t{kBlockDots} * kernel_ * row_taps_;
  return (out_block * (in_blocks_ * block_taps + 1) + 1 + in_block * block_taps) * kTap;
}

void QuantizedUnpoolConv::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, kBatchQuads);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(batch_count, call.team->threads(), out_blocks_);
  const UnpoolListRoom<FourBytes> room = room_for(reach_);
  call.team->run(batch_count * shares, scratch_bytes(), [&](int job, std::byte* memory) {
    const int share = job / batch_count;
    run_batch(call, work[at(job % batch_count)], out_blocks_ * share / shares, out_blocks_ * (share + 1) / shares,
              room.lay_out(memory), reinterpret_cast<std::int32_t*>(memory + room.bytes()));
  });
}

void QuantizedUnpoolConv::run_batch(const ConvCall& call, const Batch& batch, int first_block, int last_block,
                                    const UnpoolLists<FourBytes>& lists, std::int32_t* sums) const {
  const QuantizedMap& quantized = call.quantized_output;
  const MapLayout& layout = quantized.data != nullptr ? quantized.layout : call.output.layout;
  UnpoolDotsArgs args{};
  args.first_column = 2 * reach_ - kernel_ / 2;
  args.kernel = kernel_;
  args.tap_row_step = std::ptrdiff_t{row_taps_} * kTap;
  args.relu = relu_;
  args.per_scale = 1.0f / quantized.scale;
  args.out_row_stride = layout.row_stride();
  for (int b = 0; b < in_blocks_; b += kUnpoolDotsBlocks) {
    collect(call, batch, b, lists);
    args.begins = b == 0, args.ends = b + kUnpoolDotsBlocks >= in_blocks_;
    for (int block = first_block; block < last_block; ++block) {
      args.lists = lists;
      args.weights = weights_.data() + weights_at(block, b);
      args.scale = scale_.data() + std::ptrdiff_t{block} * kLanes;
      args.bias = bias_.data() + std::ptrdiff_t{block} * kLanes;
      args.sums = sums + std::ptrdiff_t{block - first_block} * batch.cells * kQuadSums;
      for (const Piece& piece : batch.pieces) {
        args.quads = piece.x1 - piece.x0;
        args.output = quantized.data != nullptr ? nullptr : call.output.at(block, 2 * piece.y, 2 * piece.x0);
        args.quantized = quantized.data != nullptr ? quantized.at(block, 2 * piece.y, 2 * piece.x0) : nullptr;
        kernels_.quantized->unpool_dots(args);
        args.sums += std::ptrdiff_t{args.quads} * kQuadSums;
        advance(args.lists, cells_of(piece));
      }
    }
  }
}

/// Lists what each piece of the batch reads, one after the other.
void QuantizedUnpoolConv::collect(const ConvCall& call, const Batch& batch, int first_block,
                                  const UnpoolLists<FourBytes>& lists) const {
  const QuantizedMap& values = call.quantized_input;
  const CodeMap& codes = call.unpool_codes;
  UnpoolDotsCollectArgs args{};
  args.value_row_stride = values.layout.row_stride(), args.value_block_stride = values.layout.block_stride();
  args.code_row_stride = codes.layout.row_stride(), args.code_block_stride = codes.layout.block_stride();
  args.kernel = kernel_;
  args.blocks = std::min(kUnpoolDotsBlocks, in_blocks_ - first_block);
  args.tap_step = kTap;
  args.tap_row_step = row_taps_ * kTap;
  args.dots_step = kernel_ * args.tap_row_step;
  args.lists = lists;
  clear(lists);
  for (const Piece& piece : batch.pieces) {
    args.values = values.at(first_block, piece.y - reach_, piece.x0 - reach_);
    args.codes = codes.at(first_block, piece.y - reach_, piece.x0 - reach_);
    args.cells = cells_of(piece);
    kernels_.quantized->unpool_dots_collect(args);
    advance(args.lists, args.cells);
  }
}

}  // namespace dim::cpu
