// Picture and guide to the network's input. A thread computes all channels of a pixel: the bytes of a warp's
// pixels share cache lines, and each channel is written in whole lines.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/preprocess.h"

namespace dim::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kBlockThreads)
    preprocess_rows(ImageView image, ByteView guide, InputTransform transform, T* __restrict__ input, Size padded) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= padded.width) return;
  const std::int64_t plane = std::int64_t{padded.height} * padded.width;
  for (int y = blockIdx.y; y < padded.height; y += gridDim.y) {
    float pixel[4];
    input_pixel(image, guide, transform, y, x, pixel);
    T* const out = input + std::int64_t{y} * padded.width + x;
#pragma unroll
    for (int c = 0; c < 4; ++c)
      if (c < transform.channels) out[c * plane] = from_float<T>(pixel[c]);
  }
}

}  // namespace

cudaError_t preprocess(const ImageView& image, const ByteView& guide, const InputTransform& transform, void* input,
                       Size padded, Type type, cudaStream_t stream) {
  if (padded.height == 0 || padded.width == 0) return cudaSuccess;
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Grid grid = grid_over(padded.width, padded.height);
    preprocess_rows<T>
        <<<grid.blocks, grid.threads, 0, stream>>>(image, guide, transform, static_cast<T*>(input), padded);
    return cudaGetLastError();
  });
}

}  // namespace dim::cuda
