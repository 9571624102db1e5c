// The colors of foreground and background, level by level. Two buffers of colors take turns: half an iteration reads
// its rows' old colors from one and writes the new ones to the other, so no pixel sees half-written neighbours.
#include <utility>

#include "core/foreground_levels.h"
#include "cuda/foreground.h"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace dim::cuda {
namespace {

constexpr int kSumBlocks = 256;
constexpr int kSmallThreads = 1024;

/// Every block's sums over its share of the rows.
template <typename T>
__global__ void __launch_bounds__(kBlockThreads) sum_rows(MattedPicture<T> picture, LayerSums* of_blocks) {
  LayerSums sums;
  for (int y = blockIdx.x; y < picture.size.height; y += gridDim.x)
    for (int x = threadIdx.x; x < picture.size.width; x += kBlockThreads) add_pixel(picture, y, x, sums);
  __shared__ double of_warps[kBlockThreads / 32][LayerSums::kCount];
  double* const values = &sums.v[0][0][0];
#pragma unroll
  for (int i = 0; i < LayerSums::kCount; ++i) {
    for (int step = 16; step > 0; step /= 2) values[i] += __shfl_xor_sync(0xffffffffu, values[i], step);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32][i] = values[i];
  }
  __syncthreads();
  if (threadIdx.x >= LayerSums::kCount) return;
  double total = 0;
  for (int warp = 0; warp < kBlockThreads / 32; ++warp) total += of_warps[warp][threadIdx.x];
  (&of_blocks[blockIdx.x].v[0][0][0])[threadIdx.x] = total;
}

/// The colors of a level of one pixel.
__global__ void mean_colors(const LayerSums* of_blocks, int blocks, float* colors) {
  __shared__ LayerSums total;
  if (threadIdx.x < LayerSums::kCount) {
    double sum = 0;
    for (int block = 0; block < blocks; ++block) sum += (&of_blocks[block].v[0][0][0])[threadIdx.x];
    (&total.v[0][0][0])[threadIdx.x] = sum;
  }
  __syncthreads();
  if (threadIdx.x < kColorPlanes) colors[threadIdx.x] = total.mean(threadIdx.x);
}

template <typename T>
__global__ void __launch_bounds__(kBlockThreads)
    load_level(MattedPicture<T> picture, ForegroundLevel level, const float* __restrict__ previous, Size previous_size,
               float* __restrict__ colors) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= level.size.width) return;
  for (int y = blockIdx.y; y < level.size.height; y += gridDim.y)
    load_pixel(picture, level, previous, previous_size, colors, y, x);
}

/// Rows first, first + 2, …
__global__ void __launch_bounds__(kBlockThreads)
    relax_rows(ForegroundLevel level, const float* own, const float* across, float* out, int first) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= level.size.width) return;
  for (int y = first + 2 * blockIdx.y; y < level.size.height; y += 2 * gridDim.y)
    relax_pixel(level, own, across, out, y, x);
}

/// All iterations of a small level in one block; with an even number of them the result is where it began.
__global__ void __launch_bounds__(kSmallThreads)
    relax_small(ForegroundLevel level, float* from, float* to, int iterations) {
  for (int half = 0; half < 2 * iterations; ++half) {
    const int first = half % 2, rows = (level.size.height - first + 1) / 2;
    for (int i = threadIdx.x; i < rows * level.size.width; i += kSmallThreads)
      relax_pixel(level, from, first == 0 ? from : to, to, first + 2 * (i / level.size.width), i % level.size.width);
    __syncthreads();
    if (first == 1) {
      float* const next = to;
      to = from;
      from = next;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlockThreads)
    write_colors(MattedPicture<T> picture, const float* __restrict__ colors, T* foreground, T* background) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= picture.size.width) return;
  for (int y = blockIdx.y; y < picture.size.height; y += gridDim.y)
    write_pixel(picture, colors, foreground, background, y, x);
}

/// The colors' two buffers; `from` holds the latest.
struct Turns {
  float* from;
  float* to;

  void swap() { std::swap(from, to); }
};

void relax(const ForegroundLevel& level, const ForegroundOptions& options, Turns& colors, cudaStream_t stream) {
  const bool small = level.size.height <= options.small_size && level.size.width <= options.small_size;
  const int iterations = small ? options.small_iterations : options.large_iterations;
  if (small) {
    relax_small<<<1, kSmallThreads, 0, stream>>>(level, colors.from, colors.to, iterations);
    if (iterations % 2 != 0) colors.swap();
    return;
  }
  const Grid even = grid_over(level.size.width, (level.size.height + 1) / 2);
  const Grid odd = grid_over(level.size.width, level.size.height / 2);
  for (int i = 0; i < iterations; ++i) {
    relax_rows<<<even.blocks, even.threads, 0, stream>>>(level, colors.from, colors.from, colors.to, 0);
    if (level.size.height > 1)
      relax_rows<<<odd.blocks, odd.threads, 0, stream>>>(level, colors.from, colors.to, colors.to, 1);
    colors.swap();
  }
}

}  // namespace

std::size_t foreground_workspace_bytes(Size size) {
  return kSumBlocks * sizeof(LayerSums) + (2 * kColorPlanes + 4) * size.area() * sizeof(float);
}

template <typename T>
cudaError_t estimate_foreground(const MattedPicture<T>& picture, T* foreground, T* background,
                                const ForegroundOptions& options, void* workspace, cudaStream_t stream) {
  if (picture.size.area() == 0) return cudaSuccess;
  auto* const sums = static_cast<LayerSums*>(workspace);
  auto* const image = reinterpret_cast<float*>(sums + kSumBlocks);
  float* const alpha = image + 3 * picture.size.area();
  Turns colors = {alpha + picture.size.area(), alpha + (1 + kColorPlanes) * picture.size.area()};
  const int blocks = std::min(kSumBlocks, picture.size.height);
  sum_rows<<<blocks, kBlockThreads, 0, stream>>>(picture, sums);
  mean_colors<<<1, 32, 0, stream>>>(sums, blocks, colors.from);
  Size previous = {1, 1};
  for (const Size size : foreground::level_sizes(picture.size)) {
    const ForegroundLevel level = {size, image, alpha, options.regularization, options.gradient_weight};
    const Grid grid = grid_over(size.width, size.height);
    load_level<<<grid.blocks, grid.threads, 0, stream>>>(picture, level, colors.from, previous, colors.to);
    colors.swap();
    relax(level, options, colors, stream);
    previous = size;
  }
  const Grid grid = grid_over(picture.size.width, picture.size.height);
  write_colors<<<grid.blocks, grid.threads, 0, stream>>>(picture, colors.from, foreground, background);
  return cudaGetLastError();
}

template cudaError_t estimate_foreground(const MattedPicture<float>&, float*, float*, const ForegroundOptions&, void*,
                                         cudaStream_t);
template cudaError_t estimate_foreground(const MattedPicture<std::uint8_t>&, std::uint8_t*, std::uint8_t*,
                                         const ForegroundOptions&, void*, cudaStream_t);

}  // namespace dim::cuda
