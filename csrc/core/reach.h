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

  /// Of a pixel: what lies at the same place.
  static constexpr Reach same() { return {}; }
  /// Of a convolution: `radius` positions to each side.
  static constexpr Reach around(int radius) { return {1, 1, -radius, radius}; }
  /// Of a convolution of an unpooled map: of the map before unpooling.
  static constexpr Reach cells_around(int radius) { return {1, 2, -radius, radius}; }
  /// Of a 2×2 pooling.
  static constexpr Reach window() { return {2, 1, 0, 1}; }

  /// What a patch of that many neighbours reads, by its number.
  constexpr Reach of_patch(int pixels) const { return {step * pixels, divisor, before, step * (pixels - 1) + after}; }
  constexpr bool is_same() const { return step == divisor && before == 0 && after == 0; }

  constexpr int first(int position) const { return floor_of(position, before); }
  constexpr int last(int position) const { return floor_of(position, after); }

 private:
  constexpr int floor_of(int position, int shift) const {
    const std::int64_t numerator = std::int64_t{step} * position + shift;
    const std::int64_t quotient = numerator / divisor;
    return static_cast<int>(quotient * divisor > numerator ? quotient - 1 : quotient);
  }
};

}  // namespace dim
