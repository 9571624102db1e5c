#include "core/region.h"

#include <algorithm>

namespace dim {
namespace {

/// Spans closer than this become one: a kernel call per sliver costs more than the pixels between.
constexpr int kMergeGap = 4;

/// Sorts and merges spans in any order.
Region::Row merged(Region::Row spans) {
  std::sort(spans.begin(), spans.end(), [](Span a, Span b) { return a.begin < b.begin; });
  Region::Row out;
  for (const Span& span : spans) {
    if (span.begin >= span.end) continue;
    if (!out.empty() && span.begin <= out.back().end + kMergeGap)
      out.back().end = std::max(out.back().end, span.end);
    else
      out.push_back(span);
  }
  return out;
}

void append(Region::Row& row, const Region::Row& more) { row.insert(row.end(), more.begin(), more.end()); }

}  // namespace

Region Region::all(Size size) {
  Region region(size);
  for (Row& row : region.rows_) row.push_back({0, size.width});
  return region;
}

Region Region::unknown(const TrimapView& trimap, Size size) {
  Region region(size);
  for (int y = 0; y < trimap.size.height; ++y) {
    Row row;
    for (int x = 0; x < trimap.size.width; ++x) {
      if (!is_unknown(trimap.at(y, x))) continue;
      if (!row.empty() && row.back().end == x)
        row.back().end = x + 1;
      else
        row.push_back({x, x + 1});
    }
    region.rows_[static_cast<std::size_t>(y)] = merged(std::move(row));
  }
  return region;
}

std::size_t Region::pixels() const {
  std::size_t count = 0;
  for (const Row& row : rows_)
    for (const Span& span : row) count += static_cast<std::size_t>(span.end - span.begin);
  return count;
}

Region Region::dilated(int radius) const {
  Region wide(size_);
  for (int y = 0; y < size_.height; ++y) {
    Row row = this->row(y);
    for (Span& span : row) {
      span.begin = std::max(0, span.begin - radius);
      span.end = std::min(size_.width, span.end + radius);
    }
    wide.rows_[static_cast<std::size_t>(y)] = merged(std::move(row));
  }
  Region out(size_);
  for (int y = 0; y < size_.height; ++y) {
    Row row;
    for (int v = std::max(0, y - radius); v <= std::min(size_.height - 1, y + radius); ++v) append(row, wide.row(v));
    out.rows_[static_cast<std::size_t>(y)] = merged(std::move(row));
  }
  return out;
}

Region Region::tiles(Size tile) const {
  Region out({(size_.height + tile.height - 1) / tile.height, (size_.width + tile.width - 1) / tile.width});
  for (int y = 0; y < out.size_.height; ++y) {
    Row row;
    for (int v = y * tile.height; v < std::min(size_.height, (y + 1) * tile.height); ++v) append(row, this->row(v));
    for (Span& span : row) span = {span.begin / tile.width, (span.end + tile.width - 1) / tile.width};
    out.rows_[static_cast<std::size_t>(y)] = merged(std::move(row));
  }
  return out;
}

Region Region::untiled(Size tile, Size size) const {
  Region out(size);
  for (int y = 0; y < size.height; ++y) {
    Row& row = out.rows_[static_cast<std::size_t>(y)];
    row = this->row(y / tile.height);
    for (Span& span : row) span = {span.begin * tile.width, std::min(span.end * tile.width, size.width)};
  }
  return out;
}

Region Region::rows(int begin, int end) const {
  Region out(size_);
  for (int y = begin; y < end; ++y) out.rows_[static_cast<std::size_t>(y)] = row(y);
  return out;
}

Region Region::united(const Region& other) const {
  Region out(size_);
  for (int y = 0; y < size_.height; ++y) {
    Row row = this->row(y);
    append(row, other.row(y));
    out.rows_[static_cast<std::size_t>(y)] = merged(std::move(row));
  }
  return out;
}

}  // namespace dim
