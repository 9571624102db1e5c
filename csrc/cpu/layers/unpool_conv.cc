#include "cpu/layers/unpool_conv.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

namespace dim::cpu {
namespace {

constexpr int kTileQuads = 128;  // lists of a tile stay in the second-level cache
constexpr int kCopyEntries = 16;

}  // namespace

/// Room for the lists of one tile and one chunk of channels.
struct UnpoolConv::Scratch {
  Scratch(int reach, int lanes)
      : side(2 * reach + 1),
        row_begin(static_cast<std::size_t>(side),
                  std::vector<std::int32_t>(static_cast<std::size_t>(kTileQuads + side))),
        row_entries(static_cast<std::size_t>(side),
                    std::vector<UnpoolEntry>(static_cast<std::size_t>((kTileQuads + side) * lanes + kCopyEntries))),
        entries(static_cast<std::size_t>(kTileQuads * side * side * lanes + kCopyEntries)),
        begin(kTileQuads + 1) {}

  int side;                                          // cells that contribute to a quad, per axis
  std::vector<std::vector<std::int32_t>> row_begin;  // by cell row around the quad, then cell
  std::vector<std::vector<UnpoolEntry>> row_entries;
  std::vector<UnpoolEntry> entries;  // merged, by quad
  std::vector<std::int32_t> begin;
};

UnpoolConv::UnpoolConv(const Kernels& kernels, const ConvWeights& w)
    : kernels_(&kernels),
      in_channels_(w.in_channels),
      out_lanes_(blocks_of(w.out_channels) * kLanes),
      groups_((out_lanes_ + kernels.unpool_group - 1) / kernels.unpool_group),
      reach_(reach(w.kernel)),
      taps_(4 * reach_ + 3),
      origin_(2 * reach_ + 1),
      bias_(w.padded_bias(groups_ * kernels.unpool_group)) {
  const int group = kernels.unpool_group;
  const int margin = origin_ - w.kernel / 2;  // zeros around the kernel
  const auto at = [](int n) { return static_cast<std::size_t>(n); };
  weights_ = AlignedFloats(at(groups_) * at(in_channels_) * at(taps_ * taps_ * group));
  for (int g = 0; g < groups_; ++g)
    for (int i = 0; i < in_channels_; ++i)
      for (int ky = 0; ky < w.kernel; ++ky)
        for (int kx = 0; kx < w.kernel; ++kx) {
          float* out = weights_.data() + ((at(g) * at(in_channels_) + at(i)) * at(taps_ * taps_) +
                                          at((ky + margin) * taps_ + kx + margin)) *
                                             at(group);
          for (int o = 0; o < group; ++o) out[o] = w.tap(g * group + o, i, ky, kx);
        }
}

void UnpoolConv::run(const Call& call) const {
  const std::vector<Batch> work = batches_of(*call.quads, kTileQuads);
  if (work.empty()) return;
  const auto tile_count = static_cast<int>(work.size());
  const int shares = shares_of_groups(tile_count, call.threads, groups_);
  std::vector<Scratch> scratch;
  for (int t = 0; t < call.threads; ++t) scratch.emplace_back(reach_, kernels_->unpool_chunk_lanes);
#pragma omp parallel for num_threads(call.threads) schedule(dynamic, 1)
  for (int job = 0; job < tile_count * shares; ++job) {
    const int share = job / tile_count;
    run_tile(call, work[static_cast<std::size_t>(job % tile_count)], groups_ * share / shares,
             groups_ * (share + 1) / shares, scratch[static_cast<std::size_t>(omp_get_thread_num())]);
  }
}

void UnpoolConv::run_tile(const Call& call, const Batch& tile, int first_group, int last_group,
                          Scratch& scratch) const {
  const int group = kernels_->unpool_group;
  const std::ptrdiff_t channel_weights = std::ptrdiff_t{taps_} * taps_ * group;
  for (int c = 0; c < in_channels_; c += kernels_->unpool_chunk_lanes) {
    const int lanes = std::min(kernels_->unpool_chunk_lanes, in_channels_ - c);
    list_entries(call, tile, c, lanes, scratch);
    for (int g = first_group; g < last_group; ++g) {
      UnpoolConvArgs args{};
      args.entries = scratch.entries.data();
      args.begin = scratch.begin.data();
      args.weights = weights_.data() + (std::ptrdiff_t{g} * in_channels_ + c) * channel_weights;
      args.weight_step = -2 * group;
      args.tap_row_step = std::ptrdiff_t{taps_} * group;
      args.bias = c == 0 && !call.accumulate ? bias_.data() + std::ptrdiff_t{g} * group : nullptr;
      args.out_block_stride = call.output.layout.block_stride();
      args.lanes = std::min(group, out_lanes_ - g * group);
      args.relu = call.relu && c + lanes == in_channels_;
      for (const Piece& piece : tile.pieces) {
        args.quads = piece.x1 - piece.x0;
        args.upper = call.output.channel(g * group, 2 * piece.y, 2 * piece.x0);
        args.lower = args.upper + call.output.layout.row_stride();
        kernels_->unpool_conv(args);
        args.begin += args.quads;
      }
    }
  }
}

/// Fills `scratch.entries` and `scratch.begin` for every quad of the tile. An offset is relative to the weights of the
/// chunk, shifted by the quad's place in its piece: so cells list their values once for all quads that read them.
void UnpoolConv::list_entries(const Call& call, const Batch& tile, int channel, int lanes, Scratch& scratch) const {
  std::int32_t count = 0;
  auto begin = scratch.begin.begin();
  for (const Piece& piece : tile.pieces) {
    for (int dy = -reach_; dy <= reach_; ++dy) collect_row(call, piece, dy, channel, lanes, scratch);
    for (int q = 0; q < piece.x1 - piece.x0; ++q) {
      *begin++ = count;
      for (int r = 0; r < scratch.side; ++r) {
        const auto row = static_cast<std::size_t>(r);
        const std::int32_t* cells = scratch.row_begin[row].data() + q;
        const std::int32_t listed = cells[scratch.side] - cells[0];
        const UnpoolEntry* from = scratch.row_entries[row].data() + cells[0];
        UnpoolEntry* to = scratch.entries.data() + count;
        // A fixed-size copy costs less than a mispredicted loop; what is too much is overwritten by the next.
        std::memcpy(to, from, kCopyEntries * sizeof(UnpoolEntry));
        if (listed > kCopyEntries)
          std::memcpy(to + kCopyEntries, from + kCopyEntries,
                      static_cast<std::size_t>(listed - kCopyEntries) * sizeof(UnpoolEntry));
        count += listed;
      }
    }
  }
  *begin = count;
}

void UnpoolConv::collect_row(const Call& call, const Piece& piece, int dy, int channel, int lanes,
                             Scratch& scratch) const {
  const auto row = static_cast<std::size_t>(dy + reach_);
  std::vector<std::int32_t>& begin = scratch.row_begin[row];
  const Size size = call.input.layout.size;
  const int cells = piece.x1 - piece.x0 + 2 * reach_;
  const int y = piece.y + dy;
  if (y < 0 || y >= size.height) {
    std::fill_n(begin.begin(), cells + 1, 0);
    return;
  }
  const int left = piece.x0 - reach_;  // the first cell's column; may lie outside the map, as may the last one's
  const int first = std::max(left, 0), last = std::min(left + cells, size.width);
  const int group = kernels_->unpool_group;
  UnpoolCollectArgs args{};
  args.values = call.input.channel(channel, y, first);
  args.codes = call.codes.channel(channel, y, first);
  args.cells = last - first;
  args.lanes = lanes;
  args.offset = ((2 * dy + origin_) * taps_ + origin_ + 2 * (first - piece.x0)) * group;
  args.cell_step = 2 * group;
  args.lane_step = taps_ * taps_ * group;
  for (int code = 0; code < 4; ++code) args.code_offset[code] = (code / 2 * taps_ + code % 2) * group;
  args.entries = scratch.row_entries[row].data();
  args.begin = begin.data() + (first - left);
  std::fill_n(begin.begin(), first - left, 0);
  kernels_->unpool_collect(args);
  std::fill(begin.begin() + (last - left), begin.begin() + cells + 1, args.begin[args.cells]);
}

}  // namespace dim::cpu
