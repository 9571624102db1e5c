// Which positions of a map a position of another depends on, along height or width.
#pragma once

#include <cstdint>

namespace dim {

/// Position p reads positions floor((step * p + before) / divisor) to floor((step * p + after) / divisor).
struct Reach {
  int step = 1;
  int divisor = 1;
  int before = 0;
  int after = 0;
  bool repeats_borders = false;  // what lies beyond the map is its last row or column, where others read zeros
  bool between_corners = false;  // the first and last positions of both maps coincide: `on` says how

  /// Of a pixel: what lies at the same place.
  static constexpr Reach same() { return {}; }
  /// Of a convolution: `radius` positions to each side.
  static constexpr Reach around(int radius) { return {1, 1, -radius, radius}; }
  /// Of a convolution of an unpooled map: of the map before unpooling.
  static constexpr Reach cells_around(int radius) { return {1, 2, -radius, radius}; }
  /// Of a 2×2 pooling.
  static constexpr Reach window() { return {2, 1, 0, 1}; }
  /// Of linear interpolation between centers of pixels, of a map 2^levels as large (smaller, where that is negative).
  static constexpr Reach interpolated(int levels) {
    const int factor = 1 << (levels < 0 ? -levels : levels);
    if (levels < 0) return {2 * factor, 2, factor - 1, factor, true};
    return {2, 2 * factor, 1 - factor, factor, true};
  }
  /// Of linear interpolation between maps whose corners coincide.
  static constexpr Reach corner_to_corner() { return {1, 1, 0, 0, true, true}; }

  /// For maps of these sides: read from, and computed.
  constexpr Reach on(int from, int side) const {
    if (!between_corners) return *this;
    const int gaps = side > 1 ? side - 1 : 1;
    return {from - 1, gaps, 0, gaps - 1, true};
  }

  /// What a patch of that many neighbours reads, by its number.
  constexpr Reach of_patch(int pixels) const {
    return {step * pixels, divisor, before, step * (pixels - 1) + after, repeats_borders, between_corners};
  }
  constexpr bool is_same() const { return step == divisor && before == 0 && after == 0 && !between_corners; }

  constexpr int first(int position) const { return floor_of(position, before); }
  constexpr int last(int position) const { return floor_of(position, after); }
  /// Of interpolation: how far the place is from `first` to the next position, 0 to below 1.
  constexpr float beyond_first(int position) const {
    const std::int64_t rest = std::int64_t{step} * position + before - std::int64_t{divisor} * first(position);
    return static_cast<float>(rest) / static_cast<float>(divisor);
  }

 private:
  constexpr int floor_of(int position, int shift) const {
    const std::int64_t numerator = std::int64_t{step} * position + shift;
    const std::int64_t quotient = numerator / divisor;
    return static_cast<int>(quotient * divisor > numerator ? quotient - 1 : quotient);
  }
};

}  // namespace dim
