#include "core/region.h"

#include <algorithm>

#include "core/runs.h"

namespace dim {
namespace {

/// Spans closer than this become one: a kernel call per sliver costs more than the pixels between.
constexpr int kMergeGap = 4;

bool begins_before(Span a, Span b) { return a.begin < b.begin; }

bool equal(Region::Row a, Region::Row b) {
  const auto same = [](Span x, Span y) { return x.begin == y.begin && x.end == y.end; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace

/// Makes a region row by row.
class Region::Builder {
 public:
  explicit Builder(Size size) {
    region_.size_ = size, region_.first_.reserve(static_cast<std::size_t>(size.height) + 1);
  }

  /// The next row: these spans, in any order, sorted and merged.
  void add(std::vector<Span>& spans) {
    if (!std::is_sorted(spans.begin(), spans.end(), begins_before))
      std::sort(spans.begin(), spans.end(), begins_before);
    start_row();
    for (const Span& span : spans) append(span);
  }
  /// The next row: those of `rows` rows of `from`, each span as `change` makes it; `change` must keep their order.
  template <typename Change>
  void add_union(const Region& from, int begin, int end, Change change) {
    if (end - begin == 1) {
      start_row();
      for (const Span& span : from.row(begin)) append(change(span));
      return;
    }
    scratch_.clear();
    for (int y = begin; y < end; ++y)
      if (y == begin || !equal(from.row(y), from.row(y - 1)))  // most rows are like their neighbours
        for (const Span& span : from.row(y)) scratch_.push_back(change(span));
    add(scratch_);
  }
  Region take() {
    start_row();
    return std::move(region_);
  }

 private:
  void start_row() { region_.first_.push_back(region_.spans_.size()); }
  void append(Span span) {
    if (span.begin >= span.end) return;
    std::vector<Span>& spans = region_.spans_;
    if (spans.size() > region_.first_.back() && span.begin <= spans.back().end + kMergeGap)
      spans.back().end = std::max(spans.back().end, span.end);
    else
      spans.push_back(span);
  }

  Region region_;
  std::vector<Span> scratch_;
};

Region Region::all(Size size) {
  Builder out(size);
  for (int y = 0; y < size.height; ++y) {
    std::vector<Span> row = {{0, size.width}};
    out.add(row);
  }
  return out.take();
}

Region Region::unknown(const ByteView& known, const Window& wanted, Size size) {
  Builder out(size);
  std::vector<Span> row;
  for (int y = 0; y < size.height; ++y) {
    row.clear();
    const bool inside = y >= wanted.top && y < wanted.bottom();
    if (inside && known.empty()) row.push_back({wanted.left, wanted.right()});
    if (inside && !known.empty())
      for_runs(known, y, wanted.left, wanted.right(), [&](std::uint8_t value, int begin, int end) {
        if (!is_unknown(value)) return;
        if (!row.empty() && row.back().end == begin)
          row.back().end = end;
        else
          row.push_back({begin, end});
      });
    out.add(row);
  }
  return out.take();
}

std::size_t Region::pixels() const {
  std::size_t count = 0;
  for (const Span& span : spans_) count += static_cast<std::size_t>(span.end - span.begin);
  return count;
}

Region Region::read_from(Size size, Size end_size, const Reach& rows, const Reach& columns) const {
  if (size == size_ && rows.is_same() && columns.is_same()) return *this;
  const auto inside = [](int position, int side) { return std::clamp(position, 0, side - 1); };
  Builder out(size);
  for (int y = 0, begin = 0, end = 0; y < size.height; ++y) {  // rows begin..end read row y
    while (begin < size_.height && inside(rows.last(begin), end_size.height) < y) ++begin;
    end = std::max(begin, end);
    while (end < size_.height && inside(rows.first(end), end_size.height) <= y) ++end;
    out.add_union(*this, begin, end, [&](Span span) -> Span {
      return {inside(columns.first(span.begin), end_size.width),
              inside(columns.last(span.end - 1), end_size.width) + 1};
    });
  }
  return out.take();
}

Region Region::in_patches(Size patch) const {
  if (patch == Size{1, 1}) return *this;
  Builder out({(size_.height + patch.height - 1) / patch.height, (size_.width + patch.width - 1) / patch.width});
  for (int y = 0; y < size_.height; y += patch.height)
    out.add_union(*this, y, std::min(size_.height, y + patch.height), [&](Span span) -> Span {
      return {span.begin / patch.width, (span.end + patch.width - 1) / patch.width};
    });
  return out.take();
}

Region Region::in_pixels(Size patch, Size size) const {
  if (patch == Size{1, 1} && size == size_) return *this;
  Builder out(size);
  for (int y = 0; y < size.height; ++y)
    out.add_union(*this, y / patch.height, y / patch.height + 1, [&](Span span) -> Span {
      return {span.begin * patch.width, std::min(span.end * patch.width, size.width)};
    });
  return out.take();
}

Region Region::rows(int begin, int end) const {
  Builder out(size_);
  std::vector<Span> none;
  for (int y = 0; y < size_.height; ++y) {
    if (y >= begin && y < end)
      out.add_union(*this, y, y + 1, [](Span span) { return span; });
    else
      out.add(none);
  }
  return out.take();
}

Region Region::united(const Region& other) const {
  Builder out(size_);
  std::vector<Span> row;
  for (int y = 0; y < size_.height; ++y) {
    row.assign(this->row(y).begin(), this->row(y).end());
    if (!equal(this->row(y), other.row(y))) row.insert(row.end(), other.row(y).begin(), other.row(y).end());
    out.add(row);
  }
  return out.take();
}

}  // namespace dim
