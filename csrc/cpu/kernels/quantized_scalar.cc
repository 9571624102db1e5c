// The scalar twin of the quantized kernels. Products and sums of whole numbers are exact, and what follows is rounded
// step by step, so that every instruction set gives the same to the bit: no unit of theirs fuses products and sums.
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/unpool_scalar-inl.h"
#include "cpu/kernels/winograd-inl.h"

namespace dim::cpu {
namespace {

template <>
struct WinogradPoints<std::int32_t> : WholeWinogradPoints {};
template <>
struct WinogradPoints<std::uint32_t> : WholeWinogradPoints {};

}  // namespace
}  // namespace dim::cpu

namespace dim::cpu::scalar {
namespace {

std::uint8_t quantized(float value, float per_scale) {
  const float steps = value * per_scale;
  const float positive = steps > 0.0f ? steps : 0.0f;  // NaN, too
  return static_cast<std::uint8_t>(__builtin_rintf(positive < kQuantizedMax ? positive : float{kQuantizedMax}));
}

/// Args: QuantizedConvArgs and the like. `lane`: of scale and bias.
template <typename Args>
void store_sum(const Args& a, std::ptrdiff_t at, int lane, std::int32_t sum) {
  const float scaled = static_cast<float>(sum) * a.scale[lane];
  const float value = scaled + a.bias[lane];
  const float result = a.relu && !(value > 0.0f) ? 0.0f : value;
  if (a.output != nullptr)
    a.output[at] = result;
  else
    a.quantized[at] = quantized(result, a.per_scale);
}

void conv(const QuantizedConvArgs& a) {
  const int channels = a.group * kLanes;
  for (int x = 0; x < a.pixels; ++x)
    for (int o = 0; o < channels; ++o) {
      std::int32_t sum = 0;
      const std::int8_t* w = a.weights + o * kDotChannels;
      for (int b = 0; b < a.in_blocks; ++b)
        for (int ky = 0; ky < a.kernel; ++ky)
          for (int kx = 0; kx < a.kernel; ++kx) {
            const std::uint8_t* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + (x + kx) * kLanes;
            for (int i = 0; i < kLanes; ++i)
              sum += in[i] * w[i / kDotChannels * channels * kDotChannels + i % kDotChannels];
            w += kLanes * channels;
          }
      store_sum(a, (o / kLanes) * a.out_block_stride + x * kLanes + o % kLanes, o, sum);
    }
}

void quantize(const QuantizeArgs& a) {
  for (int i = 0; i < a.pixels * kLanes; ++i) a.output[i] = quantized(a.input[i], a.per_scale);
}

void unpool_sum(const UnpoolSumArgs& a) {
  for (int x = 0; x < 2 * a.cells; ++x)
    for (int i = 0; i < kLanes; ++i) {
      const int cell = x / 2 * kLanes + i, pixel = x * kLanes + i;
      const int value = (a.codes[cell] & 3) == 2 * a.row + x % 2 ? a.values[cell] : 0;
      a.output[pixel] = static_cast<std::uint8_t>(value + a.add[pixel]);
    }
}

void unpool_dots_collect(const UnpoolDotsCollectArgs& a) {
  list_columns(a.lists, a.kernel, a.cells, [&](auto append, int row, int column, int ky, int kx) {
    for (int d = 0; d < a.blocks * kLanes / kDotChannels; ++d) {
      const int block = d * kDotChannels / kLanes, lane = d * kDotChannels % kLanes;
      const std::ptrdiff_t at = column / 2 * kLanes + lane;
      std::uint8_t bytes[kDotChannels];
      for (int i = 0; i < kDotChannels; ++i) {
        const int code = a.codes[row / 2 * a.code_row_stride + block * a.code_block_stride + at + i] & 3;
        const int value = a.values[row / 2 * a.value_row_stride + block * a.value_block_stride + at + i];
        bytes[i] = static_cast<std::uint8_t>(code == row % 2 * 2 + column % 2 ? value : 0);
      }
      FourBytes value;
      __builtin_memcpy(&value, bytes, sizeof(value));
      if (value != 0) append(value, d * a.dots_step + ky * a.tap_row_step + kx * a.tap_step);
    }
  });
}

std::int32_t listed_sum(const UnpoolList<FourBytes>& list, int first_column, int last_column,
                        const std::int8_t* weights) {
  std::int32_t sum = 0;
  for (std::int32_t e = list.begin[first_column]; e < list.begin[last_column + 1]; ++e) {
    std::uint8_t bytes[kDotChannels];
    __builtin_memcpy(bytes, &list.entries[e].value, sizeof(bytes));
    for (int i = 0; i < kDotChannels; ++i) sum += bytes[i] * weights[list.entries[e].weight_offset + i];
  }
  return sum;
}

void unpool_dots(const UnpoolDotsArgs& a) {
  for (int q = 0; q < a.quads; ++q)
    for (int p = 0; p < 4; ++p)
      for (int o = 0; o < kLanes; ++o) {
        const std::int8_t* w = a.weights - (p / 2) * a.tap_row_step + ((-2 * q - p % 2) * kLanes + o) * kDotChannels;
        const int first = a.first_column + 2 * q + p % 2, last = first + a.kernel - 1;
        std::int32_t& stored = a.sums[(q * 4 + p) * kLanes + o];
        const std::int32_t sum = (a.begins ? 0 : stored) + listed_sum(a.lists.middle, first, last, w) +
                                 listed_sum(p < 2 ? a.lists.upper : a.lists.lower, first, last, w);
        if (a.ends)
          store_sum(a, p / 2 * a.out_row_stride + (2 * q + p % 2) * kLanes + o, o, sum);
        else
          stored = sum;
      }
}

void winograd_input(const QuantizedWinogradInputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_input_patch<kWholeWindow.height, kWholeWindow.width, std::int32_t>(
          [&](int y, int x) {
            return std::int32_t{a.input[y * a.row_stride + (kWholePatch.width * t + x) * kLanes + i]};
          },
          [&](int element, std::int32_t v) {
            a.output[element * a.element_stride + t * kLanes + i] = static_cast<std::int16_t>(v);
          });
}

void winograd_sums(const QuantizedWinogradSumsArgs& a) {
  const int channels = a.group * kLanes;
  for (int t = 0; t < a.patches; ++t)
    for (int o = 0; o < channels; ++o) {
      std::uint32_t sum = 0;
      for (int b = 0; b < a.in_blocks; ++b)
        for (int i = 0; i < kLanes; ++i)
          sum += static_cast<std::uint32_t>(a.input[b * a.in_block_stride + t * kLanes + i] *
                                            a.weights[((b * kLanes + i) / 2 * channels + o) * 2 + i % 2]);
      a.output[o / kLanes * a.out_block_stride + t * kLanes + o % kLanes] = static_cast<std::int32_t>(sum);
    }
}

void winograd_output(const QuantizedWinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_output_patch<kWholeWindow.height, kWholeWindow.width, kWholePatch.height, kWholePatch.width,
                            std::uint32_t>(
          [&](int element) { return static_cast<std::uint32_t>(a.input[element * a.element_stride + t * kLanes + i]); },
          [&](int y, int x, std::uint32_t multiple) {
            const int pixel = kWholePatch.width * t + x;
            if (y >= a.rows || pixel >= a.pixels) return;
            const std::int32_t sum = static_cast<std::int32_t>(multiple * kThird) >> kWholeShift;
            store_sum(a, y * a.row_stride + pixel * kLanes + i, i, sum);
          });
}

}  // namespace

extern const QuantizedKernels kQuantizedKernels;
const QuantizedKernels kQuantizedKernels = {
    .conv_group = 1,
    .conv = conv,
    .quantize = quantize,
    .unpool_sum = unpool_sum,
    .unpool_dots_collect = unpool_dots_collect,
    .unpool_dots = unpool_dots,
    .winograd_input = winograd_input,
    .winograd_sums = winograd_sums,
    .winograd_output = winograd_output,
    .winograd_product = 1.0f,
    .winograd_transform = 8.0f,
};

}  // namespace dim::cpu::scalar
