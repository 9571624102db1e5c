#include "cpu/layers/unpool_conv.h"

#include <algorithm>

namespace dim::cpu {
namespace {

constexpr int kBatchQuads = 128;  // lists of a batch stay in the second-level cache

std::size_t at(int n) { return static_cast<std::size_t>(n); }

/// A thread's memory for the lists of one batch and one chunk of channels.
struct ListRoom {
  /// `reach` as in the layer.
  explicit ListRoom(int reach) {
    const int side = 2 * reach + 1;
    const int cells = kBatchQuads * side;  // in a row, if all quads were pieces of their own
    columns = (2 * cells + kLanes) / kLanes * kLanes;
    edge = (cells + 1) * kLanes;
    middle = (cells * side + 1) * kLanes;
  }

  std::size_t bytes() const {
    return at(middle + 2 * edge) * sizeof(UnpoolEntry) + at(3 * columns) * sizeof(std::int32_t);
  }
  UnpoolLists lay_out(std::byte* memory) const {
    const auto list = [&](int room) {
      auto* const entries = reinterpret_cast<UnpoolEntry*>(memory);
      auto* const begin = reinterpret_cast<std::int32_t*>(entries + room);
      memory += at(room) * sizeof(UnpoolEntry) + at(columns) * sizeof(std::int32_t);
      return UnpoolList{entries, begin};
    };
    return {list(middle), list(edge), list(edge)};
  }

  int columns;       // of each list, and one more; whole cache lines
  int middle, edge;  // entries
};

}  // namespace

UnpoolConv::UnpoolConv(const FloatKernels& kernels, const ConvWeights& w, bool accumulate, bool relu)
    : kernels_(&kernels),
      in_channels_(w.in_channels),
      groups_(blocks_of(w.out_channels) * kLanes / kernels.unpool_group),
      kernel_(w.kernel),
      reach_(unpool_reach(w.kernel)),
      row_taps_(w.kernel + 1),
      accumulate_(accumulate),
      relu_(relu),
      bias_(w.padded_bias(groups_ * kernels.unpool_group)) {
  const int group = kernels.unpool_group;
  weights_ = AlignedFloats(static_cast<std::size_t>(weights_at(groups_, 0)));
  for (int g = 0; g < groups_; ++g) {
    float* out = weights_.data() + weights_at(g, 0);
    for (int i = 0; i < in_channels_; ++i)
      for (int ky = 0; ky < w.kernel; ++ky)
        for (int kx = 0; kx < row_taps_; ++kx)
          for (int o = 0; o < group; ++o) *out++ = kx < w.kernel ? w.tap(g * group + o, i, ky, kx) : 0.0f;
  }
}

std::size_t UnpoolConv::scratch_bytes() const { return ListRoom(reach_).bytes(); }

std::ptrdiff_t UnpoolConv::weights_at(int group, int channel) const {
  const std::ptrdiff_t taps = std::ptrdiff_t{kernel_} * row_taps_;
  return (group * (in_channels_ * taps + 1) + 1 + channel * taps) * kernels_->unpool_group;
}

void UnpoolConv::run(const ConvCall& call) const {
  const std::vector<Batch> work = batches_of(*call.region, kBatchQuads);
  if (work.empty()) return;
  const auto batch_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(batch_count, call.team->threads(), groups_);
  const ListRoom room(reach_);
  call.team->run(batch_count * shares, room.bytes(), [&](int job, std::byte* memory) {
    const int share = job / batch_count;
    run_batch(call, work[at(job % batch_count)], groups_ * share / shares, groups_ * (share + 1) / shares,
              room.lay_out(memory));
  });
}

void UnpoolConv::run_batch(const ConvCall& call, const Batch& batch, int first_group, int last_group,
                           const UnpoolLists& lists) const {
  const int group = kernels_->unpool_group;
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
      for (const Piece& piece : batch.pieces) {
        args.quads = piece.x1 - piece.x0;
        args.upper = call.output.channel(g * group, 2 * piece.y, 2 * piece.x0);
        args.lower = args.upper + call.output.layout.row_stride();
        kernels_->unpool_conv(args);
        advance(args.lists, piece);
      }
    }
  }
}

/// Lists what each piece of the batch reads, one after the other.
void UnpoolConv::collect(const ConvCall& call, const Batch& batch, int channel, const UnpoolLists& lists) const {
  UnpoolCollectArgs args{};
  args.value_row_stride = call.input.layout.row_stride();
  args.code_row_stride = call.unpool_codes.layout.row_stride();
  args.kernel = kernel_;
  args.lanes = std::min(kLanes, in_channels_ - channel);
  args.tap_step = kernels_->unpool_group;
  args.tap_row_step = row_taps_ * args.tap_step;
  args.lane_step = kernel_ * args.tap_row_step;
  args.lists = lists;
  for (const UnpoolList* list : {&lists.middle, &lists.upper, &lists.lower}) list->begin[0] = 0;
  for (const Piece& piece : batch.pieces) {
    args.values = call.input.channel(channel, piece.y - reach_, piece.x0 - reach_);
    args.codes = call.unpool_codes.channel(channel, piece.y - reach_, piece.x0 - reach_);
    args.cells = piece.x1 - piece.x0 + 2 * reach_;
    kernels_->unpool_collect(args);
    advance(args.lists, piece);
  }
}

/// To the lists of the next piece: they share their entries' memory, not their columns.
void UnpoolConv::advance(UnpoolLists& lists, const Piece& piece) const {
  const int columns = 2 * (piece.x1 - piece.x0 + 2 * reach_);
  for (UnpoolList* list : {&lists.middle, &lists.upper, &lists.lower}) list->begin += columns;
}

}  // namespace dim::cpu
