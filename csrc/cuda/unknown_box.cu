// The bounding box of the unknown pixels: a minimum of four numbers per thread, warp and block, then of all blocks.
#include <climits>

#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace dim::cuda {
namespace {

constexpr int kWarps = kBlockThreads / 32;
constexpr int kColumnsPerThread = 8;
constexpr int kMaxRowBlocks = 1024;

/// The box with its far sides negated, so that growing is one minimum for all four.
struct Extent {
  int v[4];
};

__global__ void clear_box(Size size, Box* box) { *box = {size.height, size.width, 0, 0}; }

__device__ Extent extent_of_warp(Extent extent) {
  for (int i = 0; i < 4; ++i)
    for (int step = 16; step > 0; step /= 2)
      extent.v[i] = min(extent.v[i], __shfl_xor_sync(0xffffffffu, extent.v[i], step));
  return extent;
}

/// Each warp walks along a row, each block over some rows.
__global__ void __launch_bounds__(kBlockThreads) grow_box(ByteView known, Box* box) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Extent extent = {{INT_MAX, INT_MAX, INT_MAX, INT_MAX}};
  for (int y = blockIdx.y * kWarps + warp; y < known.size.height; y += gridDim.y * kWarps)
#pragma unroll
    for (int i = 0; i < kColumnsPerThread; ++i) {
      const int x = (blockIdx.x * kColumnsPerThread + i) * 32 + lane;
      if (x < known.size.width && unknown(known.data[y * known.row_stride_bytes + x * known.pixel_stride_bytes])) {
        const int sides[4] = {y, x, -(y + 1), -(x + 1)};
        for (int side = 0; side < 4; ++side) extent.v[side] = min(extent.v[side], sides[side]);
      }
    }
  __shared__ Extent of_warp[kWarps];
  extent = extent_of_warp(extent);
  if (lane == 0) of_warp[warp] = extent;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < kWarps; ++i)
    for (int side = 0; side < 4; ++side) extent.v[side] = min(extent.v[side], of_warp[i].v[side]);
  if (extent.v[0] == INT_MAX) return;
  atomicMin(&box->top, extent.v[0]);
  atomicMin(&box->left, extent.v[1]);
  atomicMax(&box->bottom, -extent.v[2]);
  atomicMax(&box->right, -extent.v[3]);
}

}  // namespace

cudaError_t unknown_box(const ByteView& known, Box* box, cudaStream_t stream) {
  clear_box<<<1, 1, 0, stream>>>(known.size, box);
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess || known.size.area() == 0) return error;
  constexpr int kColumns = 32 * kColumnsPerThread;
  const dim3 blocks((known.size.width + kColumns - 1) / kColumns,
                    std::min((known.size.height + kWarps - 1) / kWarps, kMaxRowBlocks));
  grow_box<<<blocks, kBlockThreads, 0, stream>>>(known, box);
  return cudaGetLastError();
}

}  // namespace dim::cuda
