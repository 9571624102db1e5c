// What becomes of a convolution's results: floats in the output map or, where that does not hold them as they are, in
// scratch memory, whence they are quantized and pooled while they are in the cache.
#pragma once

#include <cstddef>

#include "cpu/layers/batches.h"
#include "cpu/layers/conv_step.h"

namespace dim::cpu {

struct Results {
  float* data;  // of pixel (y, x) of `block`
  std::ptrdiff_t block_stride, row_stride;
  int block, y, x;

  float* at(int b, int row, int column) const {
    return data + (b - block) * block_stride + (row - y) * row_stride + std::ptrdiff_t{column - x} * kLanes;
  }
};

/// Those of a slab, from the output block on. `scratch`: where they go that are not stored.
Results results_of(const ConvCall& call, const Slab& slab, int block, float* scratch);

/// Stores columns [begin, end) of a row in the quantized output, if there is one.
void quantize_row(const KernelTables& kernels, const ConvCall& call, const Results& results, int block, int y,
                  int begin, int end);

/// Pools to what is needed of columns [begin, end) of a row of the pooled map, if there is one. What is pooled was not
/// quantized before: else ties would multiply, and the argmax be arbitrary.
void pool_row(const KernelTables& kernels, const ConvCall& call, const Results& results, int block, int y, int begin,
              int end);

/// Both for a slab and some blocks from that of the results on.
void finish_slab(const KernelTables& kernels, const ConvCall& call, const Slab& slab, const Results& results,
                 int blocks);

}  // namespace dim::cpu
