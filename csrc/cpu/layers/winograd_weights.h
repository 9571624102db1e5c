// Weights of Winograd convolutions, transformed in double.
#pragma once

#include <cstddef>
#include <vector>

#include "cpu/layers/packing.h"

namespace dim::cpu {

/// One axis of a weight transform: a row for each element, of coefficients of the kernel's taps.
using WinogradAxis = std::vector<std::vector<double>>;

/// For windows of 4 or 6 pixels. Row i evaluates the kernel, as a polynomial, at the i-th point (the last is infinity),
/// scaled to undo the input transform.
WinogradAxis winograd_axis(int kernel, int window);
/// Of an axis that is not transformed: the taps themselves.
WinogradAxis untransformed_axis(int kernel);

/// vertical · w · horizontalᵀ of one pair of channels, row by row.
std::vector<float> winograd_weights(const ConvWeights& weights, const WinogradAxis& vertical,
                                    const WinogradAxis& horizontal, int out_channel, int in_channel);

/// An odd number of cache lines, so that the elements of a patch fall into different sets of the caches.
inline std::ptrdiff_t padded_stride(std::ptrdiff_t floats) { return (floats / kLanes | 1) * kLanes; }

}  // namespace dim::cpu
