// Memory for one run: every value's place in one arena, shared by values that are never alive together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "core/region.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"
#include "cpu/schedule.h"

namespace dim::cpu {

constexpr std::size_t bytes_of(Element element) {
  switch (element) {
    case Element::float32:
      return sizeof(float);
    case Element::argmax_code:
    case Element::quantized:
      return sizeof(std::uint8_t);
  }
  return 0;
}

/// A map of any element as bytes: zero is zero in each.
struct MapBytes : Map<std::byte> {};  // its layout's lanes are bytes, too

/// Rows of a strip of so many bytes, or the fewest that a strip has: a multiple of every patch's height.
int rows_of_strip(std::size_t strip_bytes, std::size_t row_bytes);

/// Of values that the next step alone reads, which are computed in strips: about so many bytes are in memory. They are
/// shared, or each thread has its own for a section of the picture, of at least so many rows.
struct StripOptions {
  std::size_t bytes;
  int threads, section_rows;
};

class Workspace {
 public:
  /// Memory that values take which are laid out for a padded picture.
  static std::size_t bytes(const Program& program, const Schedule& schedule, Size padded, const StripOptions& options);

  /// Lays the values out for a padded picture; keeps the arena when it is large enough.
  void prepare(const Program& program, const Schedule& schedule, Size padded, const StripOptions& options);

  /// Data are null for values that are not stored. `thread`: whose, of values in sections.
  FloatMap floats(int value, int thread = 0) { return map<float>(value, Element::float32, thread); }
  CodeMap codes(int value) { return map<std::uint8_t>(value, Element::argmax_code, 0); }
  QuantizedMap quantized(int value, int thread = 0) {
    return {map<std::uint8_t>(value, Element::quantized, thread), scales_[at(value)]};
  }

  bool is_quantized(int value) const { return elements_[at(value)] == Element::quantized; }
  const MapLayout& layout(int value) const { return layouts_[at(value)]; }
  /// What clears parts of a map, whichever element it has.
  MapBytes as_bytes(int value, int thread = 0);

  ThreadScratch& scratch() { return scratch_; }

  /// Most rows of the last step's result per strip that there is room for; 0 when the steps that begin with `step` have
  /// room for all.
  int strip_rows(std::size_t step) const { return strip_rows_[step]; }
  /// Whether each thread has rows of its own: the value's step, and those interleaved with it, may run in sections.
  bool in_sections(int value) const { return copies_[at(value)] > 1; }
  /// Makes the rows from row `first` on, and a border's above it, the ones in memory.
  void rewind(int value, int first, int thread) { first_row(value, thread) = first - layouts_[at(value)].border; }
  /// Forgets the rows that a convolution going on at row `next` does not read any more; rows up to `end` are there.
  void advance(int value, int next, int end, int thread);

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }
  /// Throws std::logic_error for a value of other elements.
  template <typename T>
  Map<T> map(int value, Element element, int thread) {
    if (elements_[at(value)] != element) throw std::logic_error("a value read as what it does not hold");
    return {layouts_[at(value)], reinterpret_cast<T*>(data(value, thread)), first_row(value, thread)};
  }
  std::size_t copy(int value, int thread) const { return copies_[at(value)] == 1 ? 0 : at(thread); }
  int& first_row(int value, int thread) { return first_rows_[copy(value, thread)][at(value)]; }
  std::byte* data(int value, int thread) {
    if (!stored_[at(value)]) return nullptr;
    return arena_.data() + offsets_[at(value)] + copy(value, thread) * value_bytes(value);
  }
  std::size_t value_bytes(int value) const;
  std::size_t row_bytes(int value) const {
    return at(static_cast<int>(layouts_[at(value)].row_stride())) * bytes_of(elements_[at(value)]);
  }
  /// Gives every value its place; returns how many bytes there are in all.
  std::size_t lay_out(const Program& program, const Schedule& schedule, Size padded, const StripOptions& options);
  void choose_strips(const Schedule& schedule, const StripOptions& options);

  Size padded_;
  std::vector<MapLayout> layouts_;
  std::vector<Element> elements_;
  std::vector<float> scales_;
  std::vector<int> copies_;                   // by value: threads that have rows of their own
  std::vector<std::vector<int>> first_rows_;  // by thread and value
  std::vector<int> strip_rows_;               // by step
  std::vector<bool> stored_;
  std::vector<std::size_t> offsets_;
  AlignedBytes arena_;
  ThreadScratch scratch_;
};

/// Zeros the borders of maps: above, beside and, as far as it is in memory, below. Each row's is a cache miss.
void clear_borders(const std::vector<MapBytes>& maps, const Team& team);
/// Zeros what is in memory of these rows of the map outside of its first `size` rows and columns.
void clear_outside(const MapBytes& map, Size size, Span rows);
/// The rows below the map alone.
void clear_below(const MapBytes& map);

}  // namespace dim::cpu
