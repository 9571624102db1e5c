#include "cpu/layers/results.h"

#include <algorithm>

namespace dim::cpu {

Results results_of(const ConvCall& call, const Slab& slab, int block, float* scratch) {
  if (call.output.data != nullptr)
    return {call.output.at(block, slab.y0, slab.x0),
            call.output.layout.block_stride(),
            call.output.layout.row_stride(),
            block,
            slab.y0,
            slab.x0};
  constexpr std::ptrdiff_t kRow = kSlabPixels * kLanes;
  return {scratch, kRow * kSlabRows, kRow, block, slab.y0, slab.x0};
}

void quantize_row(const KernelTables& kernels, const ConvCall& call, const Results& results, int block, int y,
                  int begin, int end) {
  const QuantizedMap& to = call.quantized_output;
  if (to.data == nullptr) return;
  kernels.quantized->quantize({results.at(block, y, begin), to.at(block, y, begin), 1.0f / to.scale, end - begin});
}

void pool_row(const KernelTables& kernels, const ConvCall& call, const Results& results, int block, int y, int begin,
              int end) {
  if (!call.pools()) return;
  const QuantizedMap& to = call.quantized_pooled;
  const auto pool = [&](float* output, int x0, int x1) {
    kernels.floats->max_pool({results.at(block, 2 * y, 2 * x0), results.at(block, 2 * y + 1, 2 * x0), output,
                              call.codes.at(block, y, x0), x1 - x0});
  };
  for_spans(call.pooled_region->row(y), begin, end, [&](int first, int last) {
    if (to.data == nullptr) return pool(call.pooled.at(block, y, first), first, last);
    constexpr int kPixels = 32;
    alignas(64) float pooled[kPixels * kLanes];
    for (int x = first; x < last; x += kPixels) {
      const int until = std::min(x + kPixels, last);
      pool(pooled, x, until);
      kernels.quantized->quantize({pooled, to.at(block, y, x), 1.0f / to.scale, until - x});
    }
  });
}

void finish_slab(const KernelTables& kernels, const ConvCall& call, const Slab& slab, const Results& results,
                 int blocks) {
  for (int block = results.block; block < results.block + blocks; ++block) {
    for (int y = slab.y0; call.quantized_output.data != nullptr && y < slab.y1; ++y)
      for_spans(call.region->row(y), slab.x0, slab.x1,
                [&](int begin, int end) { quantize_row(kernels, call, results, block, y, begin, end); });
    for (int y = slab.y0 / 2; y < slab.y1 / 2; ++y)
      pool_row(kernels, call, results, block, y, slab.x0 / 2, slab.x1 / 2);
  }
}

}  // namespace dim::cpu
