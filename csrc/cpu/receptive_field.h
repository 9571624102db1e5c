// How far a pixel of the input can be from a pixel of alpha and still have a say in it.
#pragma once

#include "cpu/program.h"

namespace dim::cpu {

/// The radius of the receptive field in pixels, exact: the largest over all pixels and both directions.
int halo_px(const Program& program);

}  // namespace dim::cpu
