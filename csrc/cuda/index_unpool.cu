// Unpooling with argmax codes, as a gather: values and codes are read once, every result is written once.
#include "cuda/index_unpool.h"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace dim::cuda {
namespace {

/// A thread writes kStore columns of two rows; with kStore = 1, which any address allows, two.
template <typename T, int kStore>
__global__ void __launch_bounds__(kBlockThreads)
    unpool_linear(const T* __restrict__ values, const T* __restrict__ codes, T* __restrict__ x, std::int64_t planes,
                  Size in) {
  constexpr int kIn = kStore > 1 ? kStore / 2 : 1, kStores = 2 * kIn / kStore;
  const unsigned height = in.height, width = in.width, packs = width / kIn;
  const unsigned item = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned y = item / packs, column = item % packs * kIn;
  if (y >= height) return;
  for (std::int64_t plane = blockIdx.y; plane < planes; plane += gridDim.y) {
    const std::int64_t from = (plane * height + y) * width + column;
    const Pack<T, kIn> value = load<kIn>(values + from), code = load<kIn>(codes + from);
#pragma unroll
    for (int i = 0; i < 2 * kStores; ++i) {
      const int row = i / kStores, first = i % kStores * kStore;
      Pack<T, kStore> out;
#pragma unroll
      for (int j = 0; j < kStore; ++j) {
        const int place = first + j;
        out.v[j] = unpooled(value.v[place / 2], code.v[place / 2], 2 * row + place % 2);
      }
      store(x + (plane * 2 * height + 2 * y + row) * 2 * width + 2 * column + first, out);
    }
  }
}

/// A thread writes one window of 8 channels.
__global__ void __launch_bounds__(kBlockThreads)
    unpool_hwc8(const Half* __restrict__ values, const Half* __restrict__ codes, Half* __restrict__ x, MapShape shape) {
  const int height = shape.size.height, width = shape.size.width;
  const unsigned groups = hwc8_groups(shape.channels);
  const unsigned item = blockIdx.x * blockDim.x + threadIdx.x;
  const int column = item / groups, group = item % groups;
  if (column >= width) return;
  for (std::int64_t n = blockIdx.z; n < shape.n; n += gridDim.z)
    for (int y = blockIdx.y; y < height; y += gridDim.y) {
      const std::int64_t from = (((n * height + y) * width + column) * groups + group) * kHwc8;
      Pack<Half, kHwc8> value = load<kHwc8>(values + from);
      const Pack<Half, kHwc8> code = load<kHwc8>(codes + from);
      clear_padding(value, group, shape.channels);
#pragma unroll
      for (int place = 0; place < 4; ++place) {
        Pack<Half, kHwc8> out;
#pragma unroll
        for (int i = 0; i < kHwc8; ++i) out.v[i] = unpooled(value.v[i], code.v[i], place);
        const std::int64_t row = (n * height + y) * 2 + place / 2;
        store(x + ((row * 2 * width + 2 * column + place % 2) * groups + group) * kHwc8, out);
      }
    }
}

}  // namespace

cudaError_t index_unpool(const void* values, const void* codes, void* x, MapShape shape, Type type, Layout layout,
                         cudaStream_t stream) {
  const std::int64_t height = shape.size.height, width = shape.size.width;
  const std::int64_t planes = std::int64_t{shape.n} * shape.channels;
  if (planes * height * width == 0) return cudaSuccess;
  if (layout == Layout::kHwc8) {
    if (type != Type::kFloat16) return cudaErrorInvalidValue;
    const Grid grid = grid_over(width * hwc8_groups(shape.channels), height, shape.n);
    unpool_hwc8<<<grid.blocks, grid.threads, 0, stream>>>(
        static_cast<const Half*>(values), static_cast<const Half*>(codes), static_cast<Half*>(x), shape);
    return cudaGetLastError();
  }
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    // what is read is half as wide as what is written, so are its packs
    const std::uintptr_t multiple = low_bits(x) | 2 * (width * sizeof(T) | low_bits(values) | low_bits(codes));
    return with_pack<T>(multiple, [&](auto pack) {
      constexpr int kStore = decltype(pack)::value;
      const Grid grid = grid_over(height * width / std::max(1, kStore / 2), planes);
      unpool_linear<T, kStore><<<grid.blocks, grid.threads, 0, stream>>>(
          static_cast<const T*>(values), static_cast<const T*>(codes), static_cast<T*>(x), planes, shape.size);
      return cudaGetLastError();
    });
  });
}

}  // namespace dim::cuda
