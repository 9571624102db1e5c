// Memory for one run: every value's place in one arena, shared by values that are never alive together.
#pragma once

#include <vector>

#include "core/region.h"
#include "cpu/layers/packing.h"
#include "cpu/schedule.h"

namespace dim::cpu {

class Workspace {
 public:
  /// Lays the values out for a padded picture; keeps the arena when it is large enough.
  void prepare(const Program& program, const Schedule& schedule, Size padded);

  /// Data are null for values that are not stored.
  FloatMap floats(int value) {
    return {layouts_[at(value)], stored_[at(value)] ? arena_.data() + offsets_[at(value)] : nullptr};
  }
  CodeMap codes(int value) {
    return {layouts_[at(value)], reinterpret_cast<std::uint8_t*>(arena_.data() + offsets_[at(value)])};
  }

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }

  Size padded_;
  std::vector<MapLayout> layouts_;
  std::vector<bool> stored_;
  std::vector<std::size_t> offsets_;  // floats
  AlignedFloats arena_;
};

/// Zeros the border of a map.
void clear_border(const FloatMap& map);

}  // namespace dim::cpu
