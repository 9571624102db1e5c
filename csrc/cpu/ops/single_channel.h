// What operations on maps of a single channel share.
#pragma once

#include "cpu/ops/operation.h"

namespace dim::cpu {

/// `output` = `function(input)`.
template <typename Function>
void run_single_channel(const PixelCall& call, int output, int input, Function function) {
  const FloatMap from_map = call.map(input), to_map = call.map(output);
  call.for_spans_of_rows([&](int y, int begin, int end) {
    const float* from = from_map.at(0, y, begin);
    float* to = to_map.at(0, y, begin);
    for (int x = 0; x < end - begin; ++x) to[x] = function(from[x * from_map.layout.lanes]);
  });
}

}  // namespace dim::cpu
