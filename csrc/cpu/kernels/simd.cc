// The vector kernels, compiled once per instruction set with DIM_ISA (the namespace), DIM_VECTOR_BYTES and the
// numbers of registers below. See kernels.h for what each one computes.
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/simd_unpool-inl.h"
#include "cpu/kernels/simd_winograd-inl.h"
#include "cpu/kernels/vec.h"

#if defined(__AVX512F__)
#define DIM_CONV_GROUP 2    // output blocks at once: 2 zmm
#define DIM_CONV_PIXELS 14  // 28 accumulators of 32 registers
#define DIM_THIN_3X3 0
#define DIM_THIN_5X5 0
#elif defined(__AVX__) || defined(__aarch64__)
#define DIM_CONV_GROUP 1   // 2 ymm, or 4 NEON registers
#define DIM_CONV_PIXELS 6  // 12 accumulators of 16 (24 of 32) registers
#else
#define DIM_CONV_GROUP 1   // 4 xmm
#define DIM_CONV_PIXELS 2  // 8 accumulators of 16 registers
#endif
#ifndef DIM_THIN_3X3
#define DIM_THIN_3X3 16
#define DIM_THIN_5X5 64
#endif

namespace dim::cpu::DIM_ISA {
namespace {

constexpr int kVecsPerBlock = kLanes / kVec;

// ---------------------------------------------------------------------------------------------------- convolution

/// A bundle: kPixels × (kGroup · 16 channels) accumulators stay in registers over all input blocks and taps. For one ky
/// the taps of kx and the lanes of a pixel are neighbours in memory, so one loop runs over both.
template <int kPixels, int kGroup, int kInLanes>
void conv_bundle(const ConvArgs& a, int x) {
  constexpr int kVecs = kGroup * kVecsPerBlock;
  Vec acc[kPixels][kVecs] = {};
  const float* w = a.weights;
  const int run = a.kernel.width * kInLanes;
  for (int b = 0; b < a.in_blocks; ++b) {
    for (int ky = 0; ky < a.kernel.height; ++ky) {
      const float* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + x * kInLanes;
#pragma GCC unroll 4
      for (int t = 0; t < run; ++t, w += kGroup * kLanes) {
        Vec weight[kVecs];
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) weight[v] = load(w + v * kVec);
#pragma GCC unroll 16
        for (int p = 0; p < kPixels; ++p) {
          const Vec value = splat(in[p * kInLanes + t]);
#pragma GCC unroll 8
          for (int v = 0; v < kVecs; ++v) acc[p][v] += value * weight[v];
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      float* out = a.output + (v / kVecsPerBlock) * a.out_block_stride + (x + p) * kLanes + (v % kVecsPerBlock) * kVec;
      const Vec base = load(a.epilogue.bias != nullptr ? a.epilogue.bias + v * kVec : out);
      store(out, finish(acc[p][v], base, a.epilogue.relu));
    }
  }
}

template <int kGroup, int kInLanes, int kPixels = DIM_CONV_PIXELS>
DIM_INLINE void conv_bundle_of(const ConvArgs& a, int x, int pixels) {
  if (pixels == kPixels) return conv_bundle<kPixels, kGroup, kInLanes>(a, x);
  if constexpr (kPixels > 1) conv_bundle_of<kGroup, kInLanes, kPixels - 1>(a, x, pixels);
}

/// Splits the span into bundles of nearly equal width: a narrow last bundle would leave the multipliers waiting.
template <int kGroup, int kInLanes>
void conv_span(const ConvArgs& a) {
  const int bundles = (a.pixels + DIM_CONV_PIXELS - 1) / DIM_CONV_PIXELS;
  for (int i = 0, x = 0; i < bundles; ++i) {
    const int pixels = (a.pixels - x) / (bundles - i);
    conv_bundle_of<kGroup, kInLanes>(a, x, pixels);
    x += pixels;
  }
}

void conv(const ConvArgs& a) {
  if (a.group == 1) return a.in_lanes == 4 ? conv_span<1, 4>(a) : conv_span<1, kLanes>(a);
  if (DIM_CONV_GROUP > 1) a.in_lanes == 4 ? conv_span<DIM_CONV_GROUP, 4>(a) : conv_span<DIM_CONV_GROUP, kLanes>(a);
}

/// One output channel: the lanes of a register are input channels, summed at the end. Each pixel of input is loaded
/// once for all taps of a row, and their weights stay in registers.
template <int kPixels, int kKernel>
DIM_INLINE void conv_head_row(const float* in, const float* w, Vec (&acc)[kPixels]) {
  Vec weight[kKernel];
#pragma GCC unroll 8
  for (int kx = 0; kx < kKernel; ++kx) weight[kx] = load(w + kx * kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kPixels + kKernel - 1; ++i) {
    const Vec value = load(in + i * kLanes);
#pragma GCC unroll 8
    for (int kx = 0; kx < kKernel; ++kx)
      if (i - kx >= 0 && i - kx < kPixels) acc[i - kx] += value * weight[kx];
  }
}

template <int kPixels, int kKernel>
void conv_head_bundle(const ConvHeadArgs& a, int x) {
  Vec acc[kVecsPerBlock][kPixels] = {};
  const float* w = a.weights;
  for (int b = 0; b < a.in_blocks; ++b) {
    for (int ky = 0; ky < kKernel; ++ky, w += kKernel * kLanes) {
      const float* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + x * kLanes;
#pragma GCC unroll 4
      for (int v = 0; v < kVecsPerBlock; ++v) conv_head_row<kPixels, kKernel>(in + v * kVec, w + v * kVec, acc[v]);
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    Vec total = acc[0][p];
    for (int v = 1; v < kVecsPerBlock; ++v) total += acc[v][p];
    const float value = sum(total) + *a.epilogue.bias;
    a.output[x + p] = a.epilogue.relu && !(value > 0.0f) ? 0.0f : value;
  }
}

template <int kKernel>
void conv_head_span(const ConvHeadArgs& a) {
  constexpr int kPixels = 8 / kVecsPerBlock;
  int x = 0;
  for (; x + kPixels <= a.pixels; x += kPixels) conv_head_bundle<kPixels, kKernel>(a, x);
  for (; x < a.pixels; ++x) conv_head_bundle<1, kKernel>(a, x);
}

void conv_head(const ConvHeadArgs& a) {
  switch (a.kernel) {
    case 1:
      return conv_head_span<1>(a);
    case 3:
      return conv_head_span<3>(a);
    case 5:
      return conv_head_span<5>(a);
    default:
      return conv_head_span<7>(a);
  }
}

// -------------------------------------------------------------------------------------------------------- sigmoid

/// eˣ to 2 units in the last place: 2ⁿ · eʳ with |r| <= ln 2 / 2, and eʳ by the polynomial of Cephes' expf.
DIM_INLINE Vec exponential(Vec x) {
  const Vec most = splat(88.0f), least = splat(-87.0f), magic = splat(12582912.0f);  // 1.5 · 2^23: its ulp is 1
  x = x > most ? most : x < least ? least : x;
  const Vec shifted = x * splat(1.44269504f) + magic, n = shifted - magic;
  const Vec r = (x - n * splat(0.693359375f)) + n * splat(2.12194440e-4f);
  constexpr float kTerms[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                              4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  Vec p{};
#pragma GCC unroll 6
  for (const float term : kTerms) p = p * r + splat(term);
  const VecInt power = (reinterpret_cast<VecInt>(shifted) - reinterpret_cast<VecInt>(magic) + 127) << 23;
  return (p * r * r + r + splat(1.0f)) * reinterpret_cast<Vec>(power);
}

void sigmoid(const SigmoidArgs& a) {
  for (int x = 0; x < a.pixels; x += kVec) {
    const int lanes = a.pixels - x < kVec ? a.pixels - x : kVec;
    Vec in{};
    if (a.input_step == 1 && lanes == kVec)
      in = load(a.input + x);
    else
      for (int i = 0; i < lanes; ++i) in[i] = a.input[(x + i) * a.input_step];
    const Vec out = splat(1.0f) / (splat(1.0f) + exponential(-in));
    if (lanes == kVec)
      store(a.output + x, out);
    else
      for (int i = 0; i < lanes; ++i) a.output[x + i] = out[i];
  }
}

// -------------------------------------------------------------------------------------------------------- pooling

void max_pool(const MaxPoolArgs& a) {
  for (int x = 0; x < a.pixels; ++x) {
    for (int v = 0; v < kLanes; v += kVec) {
      const int left = 2 * x * kLanes + v;
      const Vec window[4] = {load(a.upper + left), load(a.upper + left + kLanes), load(a.lower + left),
                             load(a.lower + left + kLanes)};
      Vec best = window[0];
      VecInt code = {};
#pragma GCC unroll 4
      for (int i = 1; i < 4; ++i) {
        const VecInt better = window[i] > best;
        best = better ? window[i] : best;
        code = better ? VecInt{} + i : code;
      }
      store(a.output + x * kLanes + v, best);
      store_codes(a.codes + x * kLanes + v, code);
    }
  }
}

}  // namespace

extern const FloatKernels kFloatKernels;
const FloatKernels kFloatKernels = {
    .conv_group = DIM_CONV_GROUP,
    .unpool_group = kUnpoolGroup,
    .thin_3x3 = DIM_THIN_3X3,
    .thin_5x5 = DIM_THIN_5X5,
    .conv = conv,
    .conv_head = conv_head,
    .sigmoid = sigmoid,
    .max_pool = max_pool,
    .unpool_collect = unpool_collect<float>,
    .unpool_collect_quantized = unpool_collect<std::uint8_t>,
    .unpool_conv = unpool_conv,
    .winograd_input = winograd_input,
    .winograd_unpool = winograd_unpool<float>,
    .winograd_unpool_quantized = winograd_unpool<std::uint8_t>,
    .winograd_output = winograd_output,
};

}  // namespace dim::cpu::DIM_ISA
