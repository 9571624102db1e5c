// How far a pixel of the input can be from a pixel of alpha and still have a say in it.
#pragma once

#include "cpu/program.h"

namespace dim::cpu {

inline constexpr int kWholePicture = 1 << 20;

/// The radius of the receptive field in pixels, exact: the largest over all pixels and both directions;
/// kWholePicture where what is read depends on the picture's size.
int halo_px(const Program& program);

}  // namespace dim::cpu
