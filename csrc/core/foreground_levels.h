// The resolutions that core/foreground works through, on every device.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/size.h"

namespace dim::foreground {

/// Sizes grow geometrically from one pixel to the picture.
inline std::vector<Size> level_sizes(Size size) {
  const int steps = std::max(1, static_cast<int>(std::ceil(std::log2(std::max(size.height, size.width)))));
  std::vector<Size> sizes;
  for (int i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / steps;
    sizes.push_back({static_cast<int>(std::lround(std::pow(size.height, part))),
                     static_cast<int>(std::lround(std::pow(size.width, part)))});
  }
  sizes.back() = size;
  return sizes;
}

}  // namespace dim::foreground
