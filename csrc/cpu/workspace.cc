#include "cpu/workspace.h"

#include <algorithm>

namespace dim::cpu {
namespace {

constexpr std::size_t kLineFloats = 16;

struct Block {
  std::size_t offset, floats;
  int first_step, last_step;

  std::size_t end() const { return offset + floats; }
};

/// The lowest offset where `block` overlaps none of `placed` that is alive with it.
std::size_t first_fit(const std::vector<Block>& placed, const Block& block) {
  std::vector<const Block*> alive;
  for (const Block& other : placed)
    if (other.first_step <= block.last_step && block.first_step <= other.last_step) alive.push_back(&other);
  std::sort(alive.begin(), alive.end(), [](const Block* a, const Block* b) { return a->offset < b->offset; });
  std::size_t offset = 0;
  for (const Block* other : alive) {
    if (offset + block.floats <= other->offset) break;
    offset = std::max(offset, other->end());
  }
  return offset;
}

}  // namespace

void Workspace::prepare(const Program& program, const Schedule& schedule, Size padded) {
  if (padded == padded_) return;
  const std::size_t count = program.values.size();
  layouts_.clear();
  stored_.assign(count, true);
  offsets_.assign(count, 0);
  std::vector<Block> placed;
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Storage& storage = schedule.storage[i];
    layouts_.push_back(layout_of(program, schedule, static_cast<int>(i), padded));
    stored_[i] = storage.stored;
    if (!storage.stored) continue;
    std::size_t floats = layouts_[i].elements();
    if (program.values[i].is_codes) floats = (floats + sizeof(float) - 1) / sizeof(float);
    floats = (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
    Block block{0, floats, storage.first_step, storage.last_step};
    block.offset = offsets_[i] = first_fit(placed, block);
    placed.push_back(block);
    total = std::max(total, block.end());
  }
  padded_ = {};  // stays unset when the allocation fails
  if (arena_.size() < total) {
    arena_ = AlignedFloats();  // release before asking for more
    arena_ = AlignedFloats(total);
  }
  padded_ = padded;
}

void clear_border(const FloatMap& map) {
  const MapLayout& layout = map.layout;
  const int border = layout.border;
  if (border == 0) return;
  const auto side = static_cast<std::size_t>(border * layout.lanes);
  const auto row = static_cast<std::size_t>(layout.row_stride());
  for (int block = 0; block < layout.blocks(); ++block) {
    for (int y = 0; y < border; ++y) {
      std::fill_n(map.at(block, -1 - y, -border), row, 0.0f);
      std::fill_n(map.at(block, layout.size.height + y, -border), row, 0.0f);
    }
    for (int y = 0; y < layout.size.height; ++y) {
      std::fill_n(map.at(block, y, -border), side, 0.0f);
      std::fill_n(map.at(block, y, layout.size.width), side, 0.0f);
    }
  }
}

}  // namespace dim::cpu
