// The windows of a row of patches as a Winograd convolution's input: of a plain map, or of one that is unpooled.
#pragma once

#include "cpu/layers/conv_step.h"

namespace dim::cpu {

/// Transforms the windows from pixel (y, x) of a block on, the next one `patch_width` pixels further: of the input or,
/// where the call has codes, of the unpooled input plus what is added. There y is even unless a window has one row.
void transform_windows(const FloatKernels& kernels, const ConvCall& call, Size window, int patch_width, int block,
                       int y, int x, int patches, float* output, std::ptrdiff_t element_stride);

}  // namespace dim::cpu
