#include "cpu/workspace.h"

#include <algorithm>
#include <cstring>

namespace dim::cpu {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr int kLookAhead = 4;  // rows that a step runs ahead of the next: the largest radius, rounded up to patches

constexpr std::size_t kSectionBytes = std::size_t{4} << 20;  // of a value's rows that a thread has for itself

/// A value's place in the arena.
struct Lot {
  std::size_t value, offset, bytes;
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

std::size_t Workspace::bytes(const Program& program, const Schedule& schedule, Size padded,
                             const StripOptions& options) {
  return Workspace().lay_out(program, schedule, padded, options);
}

void Workspace::prepare(const Program& program, const Schedule& schedule, Size padded, const StripOptions& options) {
  if (padded == padded_) return;
  padded_ = {};  // stays unset when the allocation fails
  const std::size_t total = lay_out(program, schedule, padded, options);
  if (arena_.size() < total) {
    arena_ = AlignedBytes();  // release before asking for more
    arena_ = AlignedBytes(total);
  }
  padded_ = padded;
}

std::size_t Workspace::lay_out(const Program& program, const Schedule& schedule, Size padded,
                               const StripOptions& options) {
  const std::size_t count = program.values.size();
  layouts_.clear();
  elements_.clear();
  scales_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    layouts_.push_back(layout_of(program, schedule, static_cast<int>(i), padded));
    elements_.push_back(program.values[i].element);
    scales_.push_back(program.values[i].scale);
  }
  choose_strips(schedule, options);
  first_rows_.assign(at(options.threads), {});
  for (std::vector<int>& rows : first_rows_)
    for (const MapLayout& layout : layouts_) rows.push_back(-layout.border);
  stored_.assign(count, true);
  offsets_.assign(count, 0);
  std::vector<Lot> lots;
  for (std::size_t i = 0; i < count; ++i) {
    const Storage& storage = schedule.storage[i];
    stored_[i] = storage.stored;
    const std::size_t bytes = value_bytes(static_cast<int>(i)) * at(copies_[i]);
    if (storage.stored) lots.push_back({i, 0, bytes, storage.first_step, storage.last_step});
  }
  // Small ones find gaps between large ones more often than the other way round.
  std::stable_sort(lots.begin(), lots.end(), [](const Lot& a, const Lot& b) { return a.bytes > b.bytes; });
  std::vector<Lot> placed;
  std::size_t total = 0;
  for (Lot& lot : lots) {
    lot.offset = offsets_[lot.value] = first_fit(placed, lot);
    placed.push_back(lot);
    total = std::max(total, lot.end());
  }
  return total;
}

std::size_t Workspace::value_bytes(int value) const {
  const std::size_t bytes = layouts_[at(value)].elements() * bytes_of(elements_[at(value)]);
  return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
}

/// How many rows at a time the interleaved steps compute, and so how many rows of their values are kept.
void Workspace::choose_strips(const Schedule& schedule, const StripOptions& options) {
  strip_rows_.assign(schedule.steps.size(), 0);
  copies_.assign(layouts_.size(), 1);
  const auto value_of = [&](int step) { return schedule.steps[at(step)].output; };
  for (std::size_t s = 0; s < schedule.steps.size(); ++s) {
    const Step& step = schedule.steps[s];
    if (step.first != static_cast<int>(s) || step.last == step.first) continue;
    std::size_t widest = 0;
    for (int k = step.first; k < step.last; ++k)
      widest = std::max(widest, row_bytes(value_of(k)) * at(layouts_[at(value_of(k))].blocks()));
    const int height = layouts_[at(value_of(step.first))].size.height, steps = step.last - step.first;
    int rows = rows_of_strip(std::min(kSectionBytes, options.bytes / at(options.threads)), widest);
    int ahead = 2 * kLookAhead;  // of a section, above it, too
    const bool in_sections =
        options.threads > 1 && height / options.threads >= std::max(options.section_rows, rows + ahead * steps);
    if (!in_sections) rows = rows_of_strip(options.bytes, widest), ahead = kLookAhead;
    if (rows + ahead * steps >= height) continue;
    strip_rows_[s] = rows;
    for (int k = step.first; k < step.last; ++k) {
      MapLayout& layout = layouts_[at(value_of(k))];
      layout.rows = std::min(layout.rows, rows + ahead * (step.last - k) + 2 * layout.border);
      if (in_sections) copies_[at(value_of(k))] = options.threads;
    }
  }
}

void Workspace::advance(int value, int next, int end, int thread) {
  const MapLayout& layout = layouts_[at(value)];
  int& first_in_memory = first_row(value, thread);
  const int first = std::max(std::min(next - layout.border, end), first_in_memory);
  const std::size_t skipped = at(first - first_in_memory) * row_bytes(value);
  const std::size_t kept = at(std::max(0, end - first)) * row_bytes(value);
  if (skipped == 0) return;
  for (int block = 0; block < layout.blocks(); ++block) {
    std::byte* const rows = data(value, thread) + at(block * layout.rows) * row_bytes(value);
    std::memmove(rows, rows + skipped, kept);
  }
  first_in_memory = first;
}

MapBytes Workspace::as_bytes(int value, int thread) {
  MapLayout layout = layouts_[at(value)];
  const int blocks = layout.blocks();
  layout.lanes *= static_cast<int>(bytes_of(elements_[at(value)]));
  layout.channels = blocks * layout.lanes;
  return {{layout, data(value, thread), first_row(value, thread)}};
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

void clear_outside(const MapBytes& map, Size size, Span rows) {
  const MapLayout& layout = map.layout;
  const int first = std::max(rows.begin, map.first_row);
  const int end = std::min({rows.end, layout.size.height, map.first_row + layout.rows});
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
