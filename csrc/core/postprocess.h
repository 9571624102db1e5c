// Network output to a map of the picture, the CPU way.
#pragma once

#include "core/image.h"

namespace dim {

/// Row `y` of a map: known pixels exactly 0 or 1, unknown ones from `network` (a value every `network_step` floats),
/// with `clamp` brought to 0..1 and by the view's share. Where `network` is null, unknown pixels are left as they are.
void postprocess_row(const ByteView& known, int y, const float* network, int network_step, const MapView& map,
                     bool clamp = true);

}  // namespace dim
