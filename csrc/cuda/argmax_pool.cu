// Max pooling with argmax codes. Every value is read once and both results are written once.
#include "cuda/argmax_pool.h"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace dim::cuda {
namespace {

/// A thread pools kLoad columns of two rows; with kLoad = 1, which any address allows, two.
template <typename T, int kLoad>
__global__ void __launch_bounds__(kBlockThreads)
    pool_linear(const T* __restrict__ x, T* __restrict__ values, T* __restrict__ codes, std::int64_t planes, Size in) {
  constexpr int kOut = kLoad > 1 ? kLoad / 2 : 1, kLoads = 2 * kOut / kLoad;
  const unsigned height = in.height / 2, width = in.width / 2, packs = width / kOut;
  const unsigned item = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned y = item / packs, column = item % packs * kOut;
  if (y >= height) return;
  for (std::int64_t plane = blockIdx.y; plane < planes; plane += gridDim.y) {
    Pack<T, kLoad> window[2][kLoads];
#pragma unroll
    for (int i = 0; i < 2 * kLoads; ++i)
      window[i / kLoads][i % kLoads] =
          load<kLoad>(x + (plane * in.height + 2 * y + i / kLoads) * in.width + 2 * column + i % kLoads * kLoad);
    Pack<T, kOut> best, code;
#pragma unroll
    for (int i = 0; i < kOut; ++i) {
      const int a = 2 * i, b = 2 * i + 1;
      const WindowMax<T> m = max_of_window(window[0][a / kLoad].v[a % kLoad], window[0][b / kLoad].v[b % kLoad],
                                           window[1][a / kLoad].v[a % kLoad], window[1][b / kLoad].v[b % kLoad]);
      best.v[i] = m.value;
      code.v[i] = from_float<T>(static_cast<float>(m.code));
    }
    const std::int64_t out = (plane * height + y) * width + column;
    store(values + out, best);
    store(codes + out, code);
  }
}

/// A thread pools one window of 8 channels.
__global__ void __launch_bounds__(kBlockThreads)
    pool_hwc8(const Half* __restrict__ x, Half* __restrict__ values, Half* __restrict__ codes, MapShape shape) {
  const int height = shape.size.height / 2, width = shape.size.width / 2;
  const unsigned groups = hwc8_groups(shape.channels);
  const unsigned item = blockIdx.x * blockDim.x + threadIdx.x;
  const int column = item / groups, group = item % groups;
  if (column >= width) return;
  for (std::int64_t n = blockIdx.z; n < shape.n; n += gridDim.z)
    for (int y = blockIdx.y; y < height; y += gridDim.y) {
      Pack<Half, kHwc8> window[4], best, code;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::int64_t row = n * shape.size.height + 2 * y + i / 2;
        window[i] = load<kHwc8>(x + ((row * shape.size.width + 2 * column + i % 2) * groups + group) * kHwc8);
      }
#pragma unroll
      for (int i = 0; i < kHwc8; ++i) {
        const WindowMax<Half> m = max_of_window(window[0].v[i], window[1].v[i], window[2].v[i], window[3].v[i]);
        best.v[i] = m.value;
        code.v[i] = from_float<Half>(static_cast<float>(m.code));
      }
      clear_padding(best, group, shape.channels);
      clear_padding(code, group, shape.channels);
      const std::int64_t out = (((n * height + y) * width + column) * groups + group) * kHwc8;
      store(values + out, best);
      store(codes + out, code);
    }
}

}  // namespace

cudaError_t max_pool_argmax(const void* x, void* values, void* codes, MapShape shape, Type type, Layout layout,
                            cudaStream_t stream) {
  const std::int64_t height = shape.size.height / 2, width = shape.size.width / 2;
  const std::int64_t planes = std::int64_t{shape.n} * shape.channels;
  if (planes * height * width == 0) return cudaSuccess;
  if (layout == Layout::kHwc8) {
    if (type != Type::kFloat16) return cudaErrorInvalidValue;
    const Grid grid = grid_over(width * hwc8_groups(shape.channels), height, shape.n);
    pool_hwc8<<<grid.blocks, grid.threads, 0, stream>>>(static_cast<const Half*>(x), static_cast<Half*>(values),
                                                        static_cast<Half*>(codes), shape);
    return cudaGetLastError();
  }
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    // results are half as wide as what is read, so are their packs
    const std::uintptr_t multiple =
        low_bits(x) | (shape.size.width * sizeof(T)) | 2 * (low_bits(values) | low_bits(codes));
    return with_pack<T>(multiple, [&](auto pack) {
      constexpr int kLoad = decltype(pack)::value;
      const Grid grid = grid_over(height * width / std::max(1, kLoad / 2), planes);
      pool_linear<T, kLoad><<<grid.blocks, grid.threads, 0, stream>>>(static_cast<const T*>(x), static_cast<T*>(values),
                                                                      static_cast<T*>(codes), planes, shape.size);
      return cudaGetLastError();
    });
  });
}

}  // namespace dim::cuda
