// The vector kernels of quantized maps, compiled once per instruction set as simd.cc is, but without fusing products
// and sums: what quantized_scalar.cc computes, to the bit.
#include "cpu/kernels/dot.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/vec.h"
#include "cpu/kernels/winograd-inl.h"

#if defined(__AVX512F__)
#define DIM_DOT_GROUP 2    // output blocks at once: 2 zmm
#define DIM_DOT_PIXELS 12  // 24 accumulators of 32 registers
#define DIM_SUMS_PATCHES 12
#elif defined(__AVX2__) || defined(__aarch64__)
#define DIM_DOT_GROUP 1   // 2 ymm, or 4 NEON registers
#define DIM_DOT_PIXELS 6  // 12 accumulators of 16 (24 of 32) registers
#define DIM_SUMS_PATCHES 5
#else
#define DIM_DOT_GROUP 1   // 4 xmm
#define DIM_DOT_PIXELS 2  // 8 accumulators of 16 registers
#define DIM_SUMS_PATCHES 2
#endif

namespace dim::cpu::DIM_ISA {
namespace {

constexpr int kVecsPerBlock = kLanes / kVec;
constexpr int kDots = kLanes / kDotChannels;  // of a pixel of a block

typedef VecInt VecIntUnaligned __attribute__((aligned(1), may_alias));

DIM_INLINE VecInt load_weights(const std::int8_t* p) { return *reinterpret_cast<const VecIntUnaligned*>(p); }

/// Four bytes, in every lane.
DIM_INLINE VecInt splat_bytes(const std::uint8_t* p) {
  std::int32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof(bytes));
  return VecInt{} + bytes;
}

DIM_INLINE void store_quantized(std::uint8_t* to, Vec values, float per_scale) {
  const Vec steps = values * splat(per_scale), most = splat(kQuantizedMax);
  const Vec positive = steps > Vec{} ? steps : Vec{};  // NaN, too
  const Vec inside = positive < most ? positive : most;
  const Vec rounded = inside + splat(8388608.0f);  // 2^23: whole numbers stand in the lowest bits
  store_codes(to, reinterpret_cast<VecInt>(rounded) & 0xff);
}

/// Args: QuantizedConvArgs and the like. `lane`: of scale and bias.
template <typename Args>
DIM_INLINE void store_sum(const Args& a, std::ptrdiff_t at, int lane, VecInt sum) {
  const Vec scaled = __builtin_convertvector(sum, Vec) * load(a.scale + lane);
  const Vec value = finish(scaled, load(a.bias + lane), a.relu);
  if (a.output != nullptr)
    store(a.output + at, value);
  else
    store_quantized(a.quantized + at, value, a.per_scale);
}

/// A bundle of pixels × channels stays in registers over all input blocks and taps, as in simd.cc.
template <int kPixels, int kGroup>
void conv_bundle(const QuantizedConvArgs& a, int x) {
  constexpr int kVecs = kGroup * kVecsPerBlock;
  VecInt acc[kPixels][kVecs] = {};
  const std::int8_t* w = a.weights;
  const int run = a.kernel * kDots;
  for (int b = 0; b < a.in_blocks; ++b) {
    for (int ky = 0; ky < a.kernel; ++ky) {
      const std::uint8_t* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + x * kLanes;
#pragma GCC unroll 4
      for (int t = 0; t < run; ++t, w += kGroup * kLanes * kDotChannels) {
        VecInt weight[kVecs];
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) weight[v] = load_weights(w + v * DIM_VECTOR_BYTES);
#pragma GCC unroll 16
        for (int p = 0; p < kPixels; ++p) {
          const VecInt values = splat_bytes(in + p * kLanes + t * kDotChannels);
#pragma GCC unroll 8
          for (int v = 0; v < kVecs; ++v) acc[p][v] = dot4(acc[p][v], values, weight[v]);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const std::ptrdiff_t at =
          (v / kVecsPerBlock) * a.out_block_stride + (x + p) * kLanes + (v % kVecsPerBlock) * kVec;
      store_sum(a, at, v * kVec, acc[p][v]);
    }
  }
}

template <int kGroup, int kPixels = DIM_DOT_PIXELS>
DIM_INLINE void conv_bundle_of(const QuantizedConvArgs& a, int x, int pixels) {
  if (pixels == kPixels) return conv_bundle<kPixels, kGroup>(a, x);
  if constexpr (kPixels > 1) conv_bundle_of<kGroup, kPixels - 1>(a, x, pixels);
}

/// In bundles of nearly equal width.
template <int kGroup>
void conv_span(const QuantizedConvArgs& a) {
  const int bundles = (a.pixels + DIM_DOT_PIXELS - 1) / DIM_DOT_PIXELS;
  for (int i = 0, x = 0; i < bundles; ++i) {
    const int pixels = (a.pixels - x) / (bundles - i);
    conv_bundle_of<kGroup>(a, x, pixels);
    x += pixels;
  }
}

void conv(const QuantizedConvArgs& a) {
  if (a.group == 1) return conv_span<1>(a);
  if (DIM_DOT_GROUP > 1) conv_span<DIM_DOT_GROUP>(a);
}

void quantize(const QuantizeArgs& a) {
  for (int i = 0; i < a.pixels * kLanes; i += kVec) store_quantized(a.output + i, load(a.input + i), a.per_scale);
}

}  // namespace
}  // namespace dim::cpu::DIM_ISA

#ifdef DIM_DOT_8_BITS
#include "cpu/kernels/quantized_unpool-inl.h"
#endif

namespace dim::cpu::DIM_ISA {
namespace {

#ifndef DIM_DOT_8_BITS
constexpr auto unpool_sum = nullptr, unpool_dots_collect = nullptr, unpool_dots = nullptr;
#endif

// -------------------------------------------------------------------------------------------------------- Winograd

#ifdef DIM_HAS_DOT
constexpr auto winograd_input = nullptr, winograd_sums = nullptr, winograd_output = nullptr;
#else
constexpr int kShorts = kVec < kLanes ? 2 * kVec : kLanes;  // at once: at most a block's lanes
typedef std::int16_t Shorts __attribute__((vector_size(2 * kShorts)));
typedef std::uint8_t Bytes __attribute__((vector_size(kShorts)));
typedef Shorts ShortsUnaligned __attribute__((aligned(2), may_alias));
typedef Bytes BytesUnaligned __attribute__((aligned(1), may_alias));

void winograd_input(const QuantizedWinogradInputArgs& a) {
  for (int i = 0; i < a.patches * kLanes; i += kShorts) {
    const std::uint8_t* in = a.input + i / kLanes * 2 * kLanes + i % kLanes;
    std::int16_t* out = a.output + i;
    winograd_input_patch<4, 4, Shorts>(
        [&](int y, int x) {
          const Bytes bytes = *reinterpret_cast<const BytesUnaligned*>(in + y * a.row_stride + x * kLanes);
          return __builtin_convertvector(bytes, Shorts);
        },
        [&](int element, Shorts v) { *reinterpret_cast<ShortsUnaligned*>(out + element * a.element_stride) = v; });
  }
}

template <int kPatches>
void winograd_sums_bundle(const QuantizedWinogradSumsArgs& a, int first) {
  VecInt acc[kPatches][kVecsPerBlock] = {};
  const std::int16_t* w = a.weights;
  for (int b = 0; b < a.in_blocks; ++b) {
    const std::int16_t* in = a.input + b * a.in_block_stride + first * kLanes;
#pragma GCC unroll 4
    for (int i = 0; i < kLanes; i += 2, w += 2 * kLanes) {
      VecInt weight[kVecsPerBlock];
#pragma GCC unroll 4
      for (int v = 0; v < kVecsPerBlock; ++v)
        weight[v] = load_weights(reinterpret_cast<const std::int8_t*>(w + 2 * v * kVec));
#pragma GCC unroll 12
      for (int p = 0; p < kPatches; ++p) {
        const VecInt values = splat_bytes(reinterpret_cast<const std::uint8_t*>(in + p * kLanes + i));
#pragma GCC unroll 4
        for (int v = 0; v < kVecsPerBlock; ++v) acc[p][v] = dot2(acc[p][v], values, weight[v]);
      }
    }
  }
#pragma GCC unroll 12
  for (int p = 0; p < kPatches; ++p)
#pragma GCC unroll 4
    for (int v = 0; v < kVecsPerBlock; ++v)
      *reinterpret_cast<VecIntUnaligned*>(a.output + (first + p) * kLanes + v * kVec) = acc[p][v];
}

template <int kPatches = DIM_SUMS_PATCHES>
DIM_INLINE void winograd_sums_of(const QuantizedWinogradSumsArgs& a, int first, int patches) {
  if (patches == kPatches) return winograd_sums_bundle<kPatches>(a, first);
  if constexpr (kPatches > 1) winograd_sums_of<kPatches - 1>(a, first, patches);
}

void winograd_sums(const QuantizedWinogradSumsArgs& a) {
  const int bundles = (a.patches + DIM_SUMS_PATCHES - 1) / DIM_SUMS_PATCHES;
  for (int i = 0, first = 0; i < bundles; ++i) {
    const int patches = (a.patches - first) / (bundles - i);
    winograd_sums_of(a, first, patches);
    first += patches;
  }
}

void winograd_output(const QuantizedWinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int lane = 0; lane < kLanes; lane += kVec)
      winograd_output_patch<4, 4, 2, 2, VecInt>(
          [&](int element) {
            return *reinterpret_cast<const VecIntUnaligned*>(a.input + element * a.element_stride + t * kLanes + lane);
          },
          [&](int y, int x, VecInt four_times) {
            if (y < a.rows && 2 * t + x < a.pixels)
              store_sum(a, y * a.row_stride + (2 * t + x) * kLanes + lane, lane, four_times >> 2);
          });
}
#endif

}  // namespace

extern const QuantizedKernels kQuantizedKernels;
const QuantizedKernels kQuantizedKernels = {
    .conv_group = DIM_DOT_GROUP,
    .conv = conv,
    .quantize = quantize,
    .unpool_sum = unpool_sum,
    .unpool_dots_collect = unpool_dots_collect,
    .unpool_dots = unpool_dots,
    .winograd_input = winograd_input,
    .winograd_sums = winograd_sums,
    .winograd_output = winograd_output,
};

}  // namespace dim::cpu::DIM_ISA
