#include "cpu/layers/unpool_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"
#include "cpu/layers/unpool_lists.h"

namespace dim::cpu {
namespace {

std::size_t at(int n) { return static_cast<std::size_t>(n); }

UnpoolListRoom<float> room_for(int reach) { return {reach, kLanes}; }

}  // namespace

UnpoolConv::UnpoolConv(const KernelTables& kernels, const ConvSpec& spec, bool accumulate)
    : kernels_(kernels),
      in_channels_(spec.weights.in_channels),
      groups_(blocks_of(spec.weights.out_channels) * kLanes / kernels.floats->unpool_group),
      kernel_(spec.weights.kernel),
      reach_(unpool_reach(kernel_)),
      row_taps_(kernel_ + 1),
      accumulate_(accumulate),
      relu_(spec.relu),
      quantized_in_(spec.quantized_in),
      quantized_out_(spec.quantized_out),
      bias_(spec.weights.padded_bias(groups_ * kernels.floats->unpool_group)) {
  const ConvWeights& w = spec.weights;
  const int group = kernels.floats->unpool_group;
  weights_ = AlignedFloats(static_cast<std::size_t>(weights_at(groups_, 0)));
  for (int g = 0; g < groups_; ++g) {
    float* out = weights_.data() + weights_at(g, 0);
    for (int i = 0; i < in_channels_; ++i)
      for (int ky = 0; ky < w.kernel; ++ky)
        for (int kx = 0; kx < row_taps_; ++kx)
          for (int o = 0; o < group; ++o) *out++ = kx < w.kernel ? w.tap(g * group + o, i, ky, kx) : 0.0f;
  }
}

std::size_t UnpoolConv::scratch_bytes() const { return room_for(reach_).bytes() + sums_bytes(); }

/// Of a batch's results, all blocks of them, before they are quantized.
std::size_t UnpoolConv::sums_bytes() const {
  return quantized_out_ ? at(groups_ / block_groups() * kBatchQuads * 4 * kLanes) * sizeof(float) : 0;
}

std::ptrdiff_t UnpoolConv::weights_at(int group, int channel) const {
  const std::ptrdiff_t taps = std::ptrdiff_t{kernel_} * row_taps_;
  return (group * (in_channels_ * taps + 1) + 1 + channel * taps) * kernels_.floats->unpool_group;
}

void UnpoolConv::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, kBatchQuads);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int blocks = groups_ / block_groups();
  const int shares = shares_of_groups(batch_count, call.team->threads(), blocks);
  const UnpoolListRoom<float> room = room_for(reach_);
  call.team->run(batch_count * shares, scratch_bytes(), [&](int job, std::byte* memory) {
    const int share = job / batch_count;
    const int first = blocks * share / shares * block_groups(), last = blocks * (share + 1) / shares * block_groups();
    auto* const sums = reinterpret_cast<float*>(memory + room.bytes());
    run_batch(call, work[at(job % batch_count)], first, last, room.lay_out(memory), sums);
  });
}

void UnpoolConv::run_batch(const ConvCall& call, const Batch& batch, int first_group, int last_group,
                           const UnpoolLists<float>& lists, float* sums) const {
  const int group = kernels_.floats->unpool_group;
  const std::ptrdiff_t block_stride = std::ptrdiff_t{batch.cells} * 4 * kLanes;  // of `sums`: a batch's quads
  const int first_block = first_group / block_groups();
  const auto results_of_piece = [&](const Piece& piece, int quads_before, int block) -> Results {
    const int y = 2 * piece.y, x = 2 * piece.x0;
    if (!quantized_out_) return {call.output.at(block, y, x), 0, call.output.layout.row_stride(), block, y, x};
    float* const data = sums + (block - first_block) * block_stride + std::ptrdiff_t{quads_before} * 4 * kLanes;
    return {data, 0, std::ptrdiff_t{piece.x1 - piece.x0} * 2 * kLanes, block, y, x};
  };
  const auto for_pieces = [&](auto&& use) {
    int quads = 0;
    for (const Piece& piece : batch.pieces) {
      use(piece, quads);
      quads += piece.x1 - piece.x0;
    }
  };
  for (int c = 0; c < in_channels_; c += kLanes) {  // weights of a block for a group fit the first-level cache
    collect(call, batch, c, lists);
    for (int g = first_group; g < last_group; ++g) {
      UnpoolConvArgs args{};
      args.lists = lists;
      args.first_column = 2 * reach_ - kernel_ / 2;
      args.kernel = kernel_;
      args.weights = weights_.data() + weights_at(g, c);
      args.tap_row_step = std::ptrdiff_t{row_taps_} * group;
      args.epilogue = {c == 0 && !accumulate_ ? bias_.data() + std::ptrdiff_t{g} * group : nullptr,
                       relu_ && c + kLanes >= in_channels_};
      for_pieces([&](const Piece& piece, int quads_before) {
        const Results results = results_of_piece(piece, quads_before, g / block_groups());
        args.quads = piece.x1 - piece.x0;
        args.upper = results.data + g % block_groups() * group;
        args.lower = args.upper + results.row_stride;
        kernels_.floats->unpool_conv(args);
        advance(args.lists, cells_of(piece));
      });
    }
  }
  for (int block = first_block; quantized_out_ && block < last_group / block_groups(); ++block)
    for_pieces([&](const Piece& piece, int quads_before) {
      const Results results = results_of_piece(piece, quads_before, block);
      for (int y = results.y; y < results.y + 2; ++y)
        quantize_row(kernels_, call, results, block, y, results.x, 2 * piece.x1);
    });
}

/// Lists what each piece of the batch reads, one after the other.
void UnpoolConv::collect(const ConvCall& call, const Batch& batch, int channel, const UnpoolLists<float>& lists) const {
  if (quantized_in_)
    return collect_pieces<std::uint8_t>(call, batch, channel, lists, call.quantized_input,
                                        kernels_.floats->unpool_collect_quantized);
  collect_pieces<float>(call, batch, channel, lists, call.input, kernels_.floats->unpool_collect);
}

template <typename Value>
void UnpoolConv::collect_pieces(const ConvCall& call, const Batch& batch, int channel, const UnpoolLists<float>& lists,
                                const Map<Value>& values, void (*kernel)(const UnpoolCollectArgs<Value>&)) const {
  UnpoolCollectArgs<Value> args{};
  args.value_row_stride = values.layout.row_stride();
  args.code_row_stride = call.unpool_codes.layout.row_stride();
  args.kernel = kernel_;
  args.lanes = std::min(kLanes, in_channels_ - channel);
  args.tap_step = kernels_.floats->unpool_group;
  args.tap_row_step = row_taps_ * args.tap_step;
  args.lane_step = kernel_ * args.tap_row_step;
  args.lists = lists;
  clear(lists);
  for (const Piece& piece : batch.pieces) {
    args.values = values.channel(channel, piece.y - reach_, piece.x0 - reach_);
    args.codes = call.unpool_codes.channel(channel, piece.y - reach_, piece.x0 - reach_);
    args.cells = cells_of(piece);
    kernel(args);
    advance(args.lists, args.cells);
  }
}

}  // namespace dim::cpu
