// What the kernels share: wide accesses, and the choice of type, access width and grid.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda/types.h"

namespace dim::cuda {

inline constexpr int kBlockThreads = 256;
inline constexpr std::int64_t kMaxGridY = 65535;  // and z; kernels loop over the rest

/// `n` neighbours in memory, moved by one instruction. They start at a multiple of their size.
template <typename T, int n>
struct Pack {
  T v[n];
};

template <int bytes>
using Word = std::conditional_t<
    bytes == 16, uint4,
    std::conditional_t<bytes == 8, uint2, std::conditional_t<bytes == 4, std::uint32_t, std::uint16_t>>>;

template <int n, typename T>
__device__ Pack<T, n> load(const T* from) {
  using Bits = Word<n * sizeof(T)>;
  static_assert(sizeof(Bits) == n * sizeof(T));
  const Bits bits = *reinterpret_cast<const Bits*>(from);
  Pack<T, n> pack;
  std::memcpy(&pack, &bits, sizeof bits);
  return pack;
}

template <typename T, int n>
__device__ void store(T* to, const Pack<T, n>& pack) {
  using Bits = Word<n * sizeof(T)>;
  static_assert(sizeof(Bits) == n * sizeof(T));
  Bits bits;
  std::memcpy(&bits, &pack, sizeof bits);
  *reinterpret_cast<Bits*>(to) = bits;
}

/// Calls `launch` with a value of the type; what it returns is passed on, as below.
template <typename Launch>
cudaError_t with_type(Type type, Launch launch) {
  return type == Type::kFloat32 ? launch(float{}) : launch(Half{});
}

/// The bits in which the address is not a multiple of a power of two.
inline std::uintptr_t low_bits(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// Calls `launch` with the largest number of Ts (as a constant) whose size is at most 16 bytes and divides `multiple`,
/// the bitwise or of addresses and row lengths in bytes.
template <typename T, typename Launch>
cudaError_t with_pack(std::uintptr_t multiple, Launch launch) {
  if (multiple % 16 == 0) return launch(std::integral_constant<int, 16 / sizeof(T)>{});
  if (multiple % 8 == 0) return launch(std::integral_constant<int, 8 / sizeof(T)>{});
  if constexpr (sizeof(T) < 4)
    if (multiple % 4 == 0) return launch(std::integral_constant<int, 4 / sizeof(T)>{});
  return launch(std::integral_constant<int, 1>{});
}

struct Grid {
  dim3 blocks;
  unsigned threads;
};

/// One thread per item along x, small rows in small blocks; the kernel loops over what y and z cannot hold.
inline Grid grid_over(std::int64_t items, std::int64_t rows, std::int64_t images = 1) {
  const std::int64_t threads = std::min<std::int64_t>(kBlockThreads, (items + 31) / 32 * 32);
  return {{static_cast<unsigned>((items + threads - 1) / threads), static_cast<unsigned>(std::min(rows, kMaxGridY)),
           static_cast<unsigned>(std::min(images, kMaxGridY))},
          static_cast<unsigned>(threads)};
}

inline constexpr int kHwc8 = 8;  // channels of a pack in kHwc8

DIM_HD inline int hwc8_groups(int channels) { return (channels + kHwc8 - 1) / kHwc8; }

/// Zeros where the last group of channels has padding.
__device__ inline void clear_padding(Pack<Half, kHwc8>& pack, int group, int channels) {
#pragma unroll
  for (int i = 0; i < kHwc8; ++i)
    if (group * kHwc8 + i >= channels) pack.v[i] = Half{};
}

}  // namespace dim::cuda
