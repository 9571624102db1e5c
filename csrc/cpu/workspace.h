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

class Workspace {
 public:
  /// Memory that values take which are laid out for a padded picture.
  static std::size_t bytes(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);

  /// Lays the values out for a padded picture; keeps the arena when it is large enough. Values that can be computed and
  /// read in strips get about `strip_bytes` each when they are larger.
  void prepare(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);

  /// Data are null for values that are not stored.
  FloatMap floats(int value) { return map<float>(value, Element::float32); }
  CodeMap codes(int value) { return map<std::uint8_t>(value, Element::argmax_code); }
  QuantizedMap quantized(int value) { return {map<std::uint8_t>(value, Element::quantized), scales_[at(value)]}; }

  bool is_quantized(int value) const { return elements_[at(value)] == Element::quantized; }
  const MapLayout& layout(int value) const { return layouts_[at(value)]; }
  /// What clears parts of a map, whichever element it has.
  MapBytes as_bytes(int value);

  ThreadScratch& scratch() { return scratch_; }

  /// Most rows of the last step's result per strip that there is room for; 0 when the steps that begin with `step` have
  /// room for all.
  int strip_rows(std::size_t step) const { return strip_rows_[step]; }
  /// Makes the rows from the top the ones in memory.
  void rewind(int value) { first_rows_[at(value)] = -layouts_[at(value)].border; }
  /// Forgets the rows that a convolution going on at row `next` does not read any more; rows up to `end` are there.
  void advance(int value, int next, int end);

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }
  /// Throws std::logic_error for a value of other elements.
  template <typename T>
  Map<T> map(int value, Element element) {
    if (elements_[at(value)] != element) throw std::logic_error("a value read as what it does not hold");
    std::byte* const data = stored_[at(value)] ? arena_.data() + offsets_[at(value)] : nullptr;
    return {layouts_[at(value)], reinterpret_cast<T*>(data), first_rows_[at(value)]};
  }
  std::size_t row_bytes(int value) const {
    return at(static_cast<int>(layouts_[at(value)].row_stride())) * bytes_of(elements_[at(value)]);
  }
  /// Gives every value its place; returns how many bytes there are in all.
  std::size_t lay_out(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);
  void choose_strips(const Schedule& schedule, std::size_t strip_bytes);

  Size padded_;
  std::vector<MapLayout> layouts_;
  std::vector<Element> elements_;
  std::vector<float> scales_;
  std::vector<int> first_rows_;
  std::vector<int> strip_rows_;  // by step
  std::vector<bool> stored_;
  std::vector<std::size_t> offsets_;
  AlignedBytes arena_;
  ThreadScratch scratch_;
};

/// Zeros the borders of maps: above, beside and, as far as it is in memory, below. Each row's is a cache miss.
void clear_borders(const std::vector<MapBytes>& maps, const Team& team);
/// Zeros what is in memory of the map outside of its first `size` rows and columns.
void clear_outside(const MapBytes& map, Size size);
/// The rows below the map alone.
void clear_below(const MapBytes& map);

}  // namespace dim::cpu
