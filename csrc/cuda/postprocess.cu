// The network's output to alpha. A thread writes a pixel, and reads the network's only where it is unknown.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/postprocess.h"

namespace dim::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kBlockThreads)
    postprocess_rows(const T* __restrict__ network, int row_elements, ByteView known, AlphaTarget alpha) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= alpha.size.width) return;
  for (int y = blockIdx.y; y < alpha.size.height; y += gridDim.y)
    write_alpha(network + std::int64_t{y} * row_elements + x, known, alpha, y, x);
}

}  // namespace

cudaError_t postprocess(const void* network, int row_elements, Type type, const ByteView& known,
                        const AlphaTarget& alpha, cudaStream_t stream) {
  if (alpha.size.height == 0 || alpha.size.width == 0) return cudaSuccess;
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Grid grid = grid_over(alpha.size.width, alpha.size.height);
    postprocess_rows<<<grid.blocks, grid.threads, 0, stream>>>(static_cast<const T*>(network), row_elements, known,
                                                               alpha);
    return cudaGetLastError();
  });
}

}  // namespace dim::cuda
