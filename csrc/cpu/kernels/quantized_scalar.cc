// The scalar twin of the quantized kernels. Products and sums of whole numbers are exact, and what follows is rounded
// step by step, so that every instruction set gives the same to the bit: no unit of theirs fuses products and sums.
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/winograd-inl.h"

namespace dim::cpu::scalar {
namespace {

std::uint8_t quantized(float value, float per_scale) {
  const float steps = value * per_scale;
  const float positive = steps > 0.0f ? steps : 0.0f;  // NaN, too
  return static_cast<std::uint8_t>(__builtin_rintf(positive < kQuantizedMax ? positive : float{kQuantizedMax}));
}

float finished(std::int32_t sum, float scale, float bias, bool relu) {
  const float scaled = static_cast<float>(sum) * scale;
  const float value = scaled + bias;
  return relu && !(value > 0.0f) ? 0.0f : value;
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
      const float result = finished(sum, a.scale[o], a.bias[o], a.relu);
      const std::ptrdiff_t at = (o / kLanes) * a.out_block_stride + x * kLanes + o % kLanes;
      if (a.output != nullptr)
        a.output[at] = result;
      else
        a.quantized[at] = quantized(result, a.per_scale);
    }
}

void quantize(const QuantizeArgs& a) {
  for (int i = 0; i < a.pixels * kLanes; ++i) a.output[i] = quantized(a.input[i], a.per_scale);
}

void winograd_input(const QuantizedWinogradInputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_input_patch<4, 4, std::int32_t>(
          [&](int y, int x) { return std::int32_t{a.input[y * a.row_stride + (2 * t + x) * kLanes + i]}; },
          [&](int element, std::int32_t v) {
            a.output[element * a.element_stride + t * kLanes + i] = static_cast<std::int16_t>(v);
          });
}

void winograd_sums(const QuantizedWinogradSumsArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int o = 0; o < kLanes; ++o) {
      std::uint32_t sum = 0;
      for (int b = 0; b < a.in_blocks; ++b)
        for (int i = 0; i < kLanes; ++i)
          sum += static_cast<std::uint32_t>(a.input[b * a.in_block_stride + t * kLanes + i] *
                                            a.weights[((b * kLanes + i) / 2 * kLanes + o) * 2 + i % 2]);
      a.output[t * kLanes + o] = static_cast<std::int32_t>(sum);
    }
}

void winograd_output(const QuantizedWinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_output_patch<4, 4, 2, 2, std::uint32_t>(
          [&](int element) { return static_cast<std::uint32_t>(a.input[element * a.element_stride + t * kLanes + i]); },
          [&](int y, int x, std::uint32_t four_times) {
            if (y >= a.rows || 2 * t + x >= a.pixels) return;
            const float result = finished(static_cast<std::int32_t>(four_times) / 4, a.scale[i], a.bias[i], a.relu);
            const std::ptrdiff_t at = y * a.row_stride + (2 * t + x) * kLanes + i;
            if (a.output != nullptr)
              a.output[at] = result;
            else
              a.quantized[at] = quantized(result, a.per_scale);
          });
}

}  // namespace

extern const QuantizedKernels kQuantizedKernels;
const QuantizedKernels kQuantizedKernels = {
    .conv_group = 1,
    .conv = conv,
    .quantize = quantize,
    .winograd_input = winograd_input,
    .winograd_sums = winograd_sums,
    .winograd_output = winograd_output,
};

}  // namespace dim::cpu::scalar
