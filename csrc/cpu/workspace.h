// Memory for one run: every value's place in one arena, shared by values that are never alive together.
#pragma once

#include <vector>

#include "core/region.h"
#include "cpu/layers/packing.h"
#include "cpu/layers/team.h"
#include "cpu/schedule.h"

namespace dim::cpu {

class Workspace {
 public:
  /// Memory that values take which are laid out for a padded picture.
  static std::size_t bytes(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);

  /// Lays the values out for a padded picture; keeps the arena when it is large enough. Values that can be computed and
  /// read in strips get about `strip_bytes` each when they are larger.
  void prepare(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);

  /// Data are null for values that are not stored.
  FloatMap floats(int value) {
    return {layouts_[at(value)], stored_[at(value)] ? arena_.data() + offsets_[at(value)] : nullptr,
            first_rows_[at(value)]};
  }
  CodeMap codes(int value) {
    return {layouts_[at(value)], reinterpret_cast<std::uint8_t*>(arena_.data() + offsets_[at(value)]),
            first_rows_[at(value)]};
  }

  ThreadScratch& scratch() { return scratch_; }

  /// Rows of the last step's result per strip; 0 when the steps that begin with `step` run one after the other.
  int strip_rows(std::size_t step) const { return strip_rows_[step]; }
  /// Makes the rows from the top the ones in memory.
  void rewind(int value) { first_rows_[at(value)] = -layouts_[at(value)].border; }
  /// Forgets the rows that a convolution going on at row `next` does not read any more; rows up to `end` are there.
  void advance(int value, int next, int end);

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }
  /// Gives every value its place; returns how many floats there are in all.
  std::size_t lay_out(const Program& program, const Schedule& schedule, Size padded, std::size_t strip_bytes);
  void choose_strips(const Schedule& schedule, std::size_t strip_bytes);

  Size padded_;
  std::vector<MapLayout> layouts_;
  std::vector<int> first_rows_;
  std::vector<int> strip_rows_;  // by step
  std::vector<bool> stored_;
  std::vector<std::size_t> offsets_;  // floats
  AlignedFloats arena_;
  ThreadScratch scratch_;
};

/// Zeros the borders of maps: above, beside and, as far as it is in memory, below. Each row's is a cache miss.
void clear_borders(const std::vector<FloatMap>& maps, const Team& team);
/// Zeros what is in memory of the map outside of its first `size` rows and columns.
void clear_outside(const FloatMap& map, Size size);
/// The rows below the map alone.
void clear_below(const FloatMap& map);

}  // namespace dim::cpu
