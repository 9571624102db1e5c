// The vector kernels of quantized maps, compiled once per instruction set as simd.cc is, but without fusing products
// and sums: what quantized_scalar.cc computes, to the bit.
#include "cpu/kernels/dot.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/vec.h"

#if defined(__AVX512F__)
#define DIM_DOT_GROUP 2    // output blocks at once: 2 zmm
#define DIM_DOT_PIXELS 12  // 24 accumulators of 32 registers
#elif defined(__AVX2__) || defined(__aarch64__)
#define DIM_DOT_GROUP 1   // 2 ymm, or 4 NEON registers
#define DIM_DOT_PIXELS 6  // 12 accumulators of 16 (24 of 32) registers
#else
#define DIM_DOT_GROUP 1   // 4 xmm
#define DIM_DOT_PIXELS 2  // 8 accumulators of 16 registers
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

/// Adds to a bundle of pixels × channels, which stays in registers, `steps` dot products of four bytes of each pixel
/// and weights, past which it goes.
template <int kPixels, int kVecs, typename Dot>
DIM_INLINE void add_dots(VecInt (&acc)[kPixels][kVecs], const std::uint8_t* in, std::ptrdiff_t pixel_bytes, int steps,
                         const std::int8_t*& w, Dot dot) {
#pragma GCC unroll 4
  for (int t = 0; t < steps; ++t, w += kVecs * DIM_VECTOR_BYTES) {
    VecInt weight[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) weight[v] = load_weights(w + v * DIM_VECTOR_BYTES);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) {
      const VecInt values = splat_bytes(in + p * pixel_bytes + t * kDotChannels);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[p][v] = dot(acc[p][v], values, weight[v]);
    }
  }
}

template <int kPixels>
struct BundleOf {
  static constexpr int pixels = kPixels;
};

template <int kPixels, typename Compute>
DIM_INLINE void bundle_of(int pixels, Compute compute) {
  if (pixels == kPixels) return compute(BundleOf<kPixels>{});
  if constexpr (kPixels > 1) bundle_of<kPixels - 1>(pixels, compute);
}

/// `compute(BundleOf<pixels>, first)` for bundles of nearly equal width.
template <typename Compute>
DIM_INLINE void in_bundles(int pixels, Compute compute) {
  const int bundles = (pixels + DIM_DOT_PIXELS - 1) / DIM_DOT_PIXELS;
  for (int i = 0, first = 0; i < bundles; ++i) {
    const int here = (pixels - first) / (bundles - i);
    bundle_of<DIM_DOT_PIXELS>(here, [&](auto bundle) { compute(bundle, first); });
    first += here;
  }
}

template <int kPixels, int kGroup>
void conv_bundle(const QuantizedConvArgs& a, int x) {
  constexpr int kVecs = kGroup * kVecsPerBlock;
  VecInt acc[kPixels][kVecs] = {};
  const std::int8_t* w = a.weights;
  for (int b = 0; b < a.in_blocks; ++b)
    for (int ky = 0; ky < a.kernel; ++ky)
      add_dots(acc, a.input + b * a.in_block_stride + ky * a.in_row_stride + x * kLanes, kLanes, a.kernel * kDots, w,
               dot4);
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

template <int kGroup>
void conv_span(const QuantizedConvArgs& a) {
  in_bundles(a.pixels, [&](auto bundle, int x) { conv_bundle<decltype(bundle)::pixels, kGroup>(a, x); });
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
#ifdef DIM_DOT_PAIRS
#include "cpu/kernels/quantized_winograd-inl.h"
#endif

namespace dim::cpu::DIM_ISA {
namespace {

#ifndef DIM_DOT_8_BITS
constexpr auto unpool_sum = nullptr, unpool_dots_collect = nullptr, unpool_dots = nullptr;
#endif

#ifndef DIM_DOT_PAIRS
constexpr auto winograd_input = nullptr, winograd_sums = nullptr, winograd_output = nullptr;
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
#ifdef DIM_DOT_8_BITS
    .winograd_product = 2.1f,
    .winograd_transform = 15.0f,
#else
    .winograd_product = 1.3f,
    .winograd_transform = 8.0f,
#endif
};

}  // namespace dim::cpu::DIM_ISA
