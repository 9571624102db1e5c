// How far a pixel of a network's input can be from a pixel of its output and still have a say in it.
#pragma once

#include <vector>

#include "core/reach.h"

namespace dim {

inline constexpr int kWholePicture = 1 << 20;

/// Positions of the map `to` read those of the map `from`, by their numbers.
struct Dependence {
  int from = 0;
  int to = 0;
  Reach reach;
};

/// The radius of the receptive field in pixels, exact: the largest over all pixels and both directions; kWholePicture
/// where what is read depends on the picture's size.
///
/// `dependences`: in an order that computes every map before it is read. `period`: of the poolings' alignment, in
/// pixels. 0 where the output does not depend on the input.
int halo_px(const std::vector<Dependence>& dependences, int input, int output, int period);

}  // namespace dim
