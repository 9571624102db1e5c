#include "cpu/layers/unpool_conv.h"

#include <algorithm>
#include <cstring>

namespace dim::cpu {
namespace {

constexpr int kTileQuads = 128;  // lists of a tile stay in the second-level cache
constexpr int kCopyEntries = 16;

}  // namespace

/// A thread's memory for the lists of one tile and one chunk of channels.
struct UnpoolConv::Scratch {
  /// `reach` and `lanes` as in the layer.
  Scratch(int reach, int lanes)
      : side(2 * reach + 1),
        row_cells(kTileQuads + side),
        row_room(row_cells * lanes + kCopyEntries),
        room(kTileQuads * side * side * lanes + kCopyEntries) {}

  std::size_t floats() const {
    static_assert(sizeof(UnpoolEntry) == 2 * sizeof(float) && sizeof(std::int32_t) == sizeof(float));
    return static_cast<std::size_t>(2 * (side * row_room + room) + side * row_cells + kTileQuads + 1);
  }
  void lay_out(float* memory) {
    row_entries = reinterpret_cast<UnpoolEntry*>(memory);
    entries = row_entries + std::ptrdiff_t{side} * row_room;
    row_begin = reinterpret_cast<std::int32_t*>(entries + room);
    begin = row_begin + std::ptrdiff_t{side} * row_cells;
  }

  int side;  // cells that contribute to a quad, per axis
  int row_cells, row_room, room;
  UnpoolEntry* row_entries = nullptr;  // [cell row around the quad][row_room]
  UnpoolEntry* entries = nullptr;      // [room] merged, by quad
  std::int32_t* row_begin = nullptr;   // [cell row around the quad][row_cells]
  std::int32_t* begin = nullptr;       // [kTileQuads + 1]
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
  const int shares = shares_of_groups(tile_count, call.team->threads(), groups_);
  const Scratch shape(reach_, kernels_->unpool_chunk_lanes);
  call.team->run(tile_count * shares, shape.floats(), [&](int job, float* memory) {
    Scratch scratch = shape;
    scratch.lay_out(memory);
    const int share = job / tile_count;
    run_tile(call, work[static_cast<std::size_t>(job % tile_count)], groups_ * share / shares,
             groups_ * (share + 1) / shares, scratch);
  });
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
      args.entries = scratch.entries;
      args.begin = scratch.begin;
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
  std::int32_t* begin = scratch.begin;
  for (const Piece& piece : tile.pieces) {
    for (int dy = -reach_; dy <= reach_; ++dy) collect_row(call, piece, dy, channel, lanes, scratch);
    for (int q = 0; q < piece.x1 - piece.x0; ++q) {
      *begin++ = count;
      for (int r = 0; r < scratch.side; ++r) {
        const std::int32_t* cells = scratch.row_begin + std::ptrdiff_t{r} * scratch.row_cells + q;
        const std::int32_t listed = cells[scratch.side] - cells[0];
        const UnpoolEntry* from = scratch.row_entries + std::ptrdiff_t{r} * scratch.row_room + cells[0];
        UnpoolEntry* to = scratch.entries + count;
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
  std::int32_t* begin = scratch.row_begin + std::ptrdiff_t{dy + reach_} * scratch.row_cells;
  const Size size = call.input.layout.size;
  const int cells = piece.x1 - piece.x0 + 2 * reach_;
  const int y = piece.y + dy;
  if (y < 0 || y >= size.height) {
    std::fill_n(begin, cells + 1, 0);
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
  args.entries = scratch.row_entries + std::ptrdiff_t{dy + reach_} * scratch.row_room;
  args.begin = begin + (first - left);
  std::fill_n(begin, first - left, 0);
  kernels_->unpool_collect(args);
  std::fill(begin + (last - left), begin + cells + 1, args.begin[args.cells]);
}

}  // namespace dim::cpu
