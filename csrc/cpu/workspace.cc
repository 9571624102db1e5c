#include "cpu/workspace.h"

#include <algorithm>
#include <cstring>

namespace dim::cpu {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr int kLookAhead = 4;  // rows that a step runs ahead of the next: the largest radius, rounded up to patches

/// A value's place in the arena.
struct Lot {
  std::size_t offset, bytes;
  int first_step, last_step;

  std::size_t end() const { return offset + bytes; }
};

/// The lowest offset where `lot` overlaps none of `placed` that is alive with it.
std::size_t first_fit(const std::vector<Lot>& placed, const Lot& lot) {
  std::vector<const Lot*> alive;
  for (const Lot& other : placed)
    if (other.first_step <= lot.last_step && lot.first_step <= other.last_step) alive.push_back(&other);
  std::sort(alive.begin(), alive.end(), [](const Lot* a, const Lot* b) { return a->offset < b->offset; });
  std::size_t offset = 0;
  for (const Lot* other : alive) {
    if (offset + lot.bytes <= other->offset) break;
    offset = std::max(offset, other->end());
  }
  return offset;
}

}  // namespace

int rows_of_strip(std::size_t strip_bytes, std::size_t row_bytes) {
  constexpr int kLeast = 16, kAlign = 8;
  return std::max(kLeast, static_cast<int>(strip_bytes / row_bytes) / kAlign * kAlign);
}

std::size_t Workspace::bytes(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes) {
  return Workspace().lay_out(program, schedule, padded, strip_bytes);
}

void Workspace::prepare(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes) {
  if (padded == padded_) return;
  padded_ = {};  // stays unset when the allocation fails
  const std::size_t total = lay_out(program, schedule, padded, strip_bytes);
  if (arena_.size() < total) {
    arena_ = AlignedBytes();  // release before asking for more
    arena_ = AlignedBytes(total);
  }
  padded_ = padded;
}

std::size_t Workspace::lay_out(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes) {
  const std::size_t count = program.values.size();
  layouts_.clear();
  elements_.clear();
  scales_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    layouts_.push_back(layout_of(program, schedule, static_cast<int>(i), padded));
    elements_.push_back(program.values[i].element);
    scales_.push_back(program.values[i].scale);
  }
  choose_strips(schedule, strip_bytes);
  first_rows_.clear();
  for (const MapLayout& layout : layouts_) first_rows_.push_back(-layout.border);
  stored_.assign(count, true);
  offsets_.assign(count, 0);
  std::vector<Lot> placed;
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Storage& storage = schedule.storage[i];
    stored_[i] = storage.stored;
    if (!storage.stored) continue;
    const std::size_t bytes = layouts_[i].elements() * bytes_of(elements_[i]);
    Lot lot{0, (bytes + kLineBytes - 1) / kLineBytes * kLineBytes, storage.first_step, storage.last_step};
    lot.offset = offsets_[i] = first_fit(placed, lot);
    placed.push_back(lot);
    total = std::max(total, lot.end());
  }
  return total;
}

/// How many rows at a time the interleaved steps compute, and so how many rows of their values are kept.
void Workspace::choose_strips(const Schedule& schedule, std::size_t strip_bytes) {
  strip_rows_.assign(schedule.steps.size(), 0);
  const auto value_of = [&](int step) { return schedule.steps[at(step)].output; };
  for (std::size_t s = 0; s < schedule.steps.size(); ++s) {
    const Step& step = schedule.steps[s];
    if (step.first != static_cast<int>(s) || step.last == step.first) continue;
    std::size_t widest = 0;
    for (int k = step.first; k < step.last; ++k)
      widest = std::max(widest, row_bytes(value_of(k)) * at(layouts_[at(value_of(k))].blocks()));
    const int rows = rows_of_strip(strip_bytes, widest);
    if (rows + kLookAhead * (step.last - step.first) >= layouts_[at(value_of(step.first))].size.height) continue;
    strip_rows_[s] = rows;
    for (int k = step.first; k < step.last; ++k) {
      MapLayout& layout = layouts_[at(value_of(k))];
      layout.rows = std::min(layout.rows, rows + kLookAhead * (step.last - k) + 2 * layout.border);
    }
  }
}

void Workspace::advance(int value, int next, int end) {
  const MapLayout& layout = layouts_[at(value)];
  const int first = std::max(next - layout.border, first_rows_[at(value)]);
  const std::size_t skipped = at(first - first_rows_[at(value)]) * row_bytes(value);
  const std::size_t kept = at(std::max(0, end - first)) * row_bytes(value);
  if (skipped == 0) return;
  for (int block = 0; block < layout.blocks(); ++block) {
    std::byte* const rows = arena_.data() + offsets_[at(value)] + at(block * layout.rows) * row_bytes(value);
    std::memmove(rows, rows + skipped, kept);
  }
  first_rows_[at(value)] = first;
}

MapBytes Workspace::as_bytes(int value) {
  MapLayout layout = layouts_[at(value)];
  const int blocks = layout.blocks();
  layout.lanes *= static_cast<int>(bytes_of(elements_[at(value)]));
  layout.channels = blocks * layout.lanes;
  std::byte* const data = stored_[at(value)] ? arena_.data() + offsets_[at(value)] : nullptr;
  return {{layout, data, first_rows_[at(value)]}};
}

void clear_borders(const std::vector<MapBytes>& maps, const Team& team) {
  struct Rows {
    const MapBytes* map;
    int block, begin, end;
  };
  constexpr int kRows = 32;
  std::vector<Rows> work;
  for (const MapBytes& map : maps)
    for (int block = 0; map.layout.border > 0 && block < map.layout.blocks(); ++block)
      for (int y = map.first_row; y < map.first_row + map.layout.rows; y += kRows)
        work.push_back({&map, block, y, std::min(y + kRows, map.first_row + map.layout.rows)});
  team.run(static_cast<int>(work.size()), 0, [&](int index, std::byte*) {
    const Rows& rows = work[static_cast<std::size_t>(index)];
    const MapLayout& layout = rows.map->layout;
    const int width = layout.size.width, border = layout.border;
    for (int y = rows.begin; y < rows.end; ++y) {
      const bool outside = y < 0 || y >= layout.size.height;
      const auto side = static_cast<std::size_t>(border * layout.lanes);
      std::fill_n(rows.map->at(rows.block, y, -border), outside ? static_cast<std::size_t>(layout.row_stride()) : side,
                  std::byte{});
      if (!outside) std::fill_n(rows.map->at(rows.block, y, width), side, std::byte{});
    }
  });
}

void clear_outside(const MapBytes& map, Size size) {
  const MapLayout& layout = map.layout;
  const int first = std::max(0, map.first_row), end = std::min(layout.size.height, map.first_row + layout.rows);
  for (int block = 0; block < layout.blocks(); ++block)
    for (int y = first; y < end; ++y) {
      const int x = y < size.height ? size.width : 0;
      std::fill_n(map.at(block, y, x), static_cast<std::size_t>((layout.size.width - x) * layout.lanes), std::byte{});
    }
}

void clear_below(const MapBytes& map) {
  const MapLayout& layout = map.layout;
  const auto below = static_cast<std::size_t>(layout.border * layout.row_stride());
  for (int block = 0; block < layout.blocks(); ++block)
    std::fill_n(map.at(block, layout.size.height, -layout.border), below, std::byte{});
}

}  // namespace dim::cpu
