// The scalar twin: what each kernel computes, as plain loops with sums in double. Always built; the other sets are
// tested against it.
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/unpool_scalar-inl.h"
#include "cpu/kernels/winograd-inl.h"

namespace dim::cpu::scalar {
namespace {

constexpr int kUnpoolGroup = 16;

/// `channel`: of the bias; `stored`: what is in the output.
float finish(double sum, const Epilogue& epilogue, int channel, float stored) {
  sum += epilogue.bias != nullptr ? epilogue.bias[channel] : stored;
  return epilogue.relu && !(sum > 0.0) ? 0.0f : static_cast<float>(sum);
}

void conv(const ConvArgs& a) {
  const int channels = a.group * kLanes;
  for (int x = 0; x < a.pixels; ++x) {
    for (int o = 0; o < channels; ++o) {
      double sum = 0.0;
      const float* w = a.weights + o;
      for (int b = 0; b < a.in_blocks; ++b)
        for (int ky = 0; ky < a.kernel.height; ++ky)
          for (int kx = 0; kx < a.kernel.width; ++kx) {
            const float* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + (x + kx) * a.in_lanes;
            for (int i = 0; i < a.in_lanes; ++i, w += channels) sum += double{in[i]} * *w;
          }
      float& out = a.output[(o / kLanes) * a.out_block_stride + x * kLanes + o % kLanes];
      out = finish(sum, a.epilogue, o, out);
    }
  }
}

void conv_head(const ConvHeadArgs& a) {
  for (int x = 0; x < a.pixels; ++x) {
    double sum = 0.0;
    const float* w = a.weights;
    for (int b = 0; b < a.in_blocks; ++b)
      for (int ky = 0; ky < a.kernel; ++ky)
        for (int kx = 0; kx < a.kernel; ++kx) {
          const float* in = a.input + b * a.in_block_stride + ky * a.in_row_stride + (x + kx) * kLanes;
          for (int i = 0; i < kLanes; ++i) sum += double{in[i]} * *w++;
        }
    a.output[x] = finish(sum, a.epilogue, 0, 0.0f);
  }
}

void sigmoid(const SigmoidArgs& a) {
  for (int x = 0; x < a.pixels; ++x)
    a.output[x] = static_cast<float>(1.0 / (1.0 + __builtin_exp(-double{a.input[x * a.input_step]})));
}

void max_pool(const MaxPoolArgs& a) {
  for (int x = 0; x < a.pixels; ++x)
    for (int i = 0; i < kLanes; ++i) {
      const int left = 2 * x * kLanes + i, right = left + kLanes;
      const float window[4] = {a.upper[left], a.upper[right], a.lower[left], a.lower[right]};
      int best = 0;
      for (int code = 1; code < 4; ++code)
        if (window[code] > window[best]) best = code;
      a.output[x * kLanes + i] = window[best];
      a.codes[x * kLanes + i] = static_cast<std::uint8_t>(best);
    }
}

template <typename Value>
void unpool_collect(const UnpoolCollectArgs<Value>& a) {
  list_columns(a.lists, a.kernel, a.cells, [&](auto append, int row, int column, int ky, int kx) {
    for (int i = 0; i < a.lanes; ++i) {
      const int at = column / 2 * kLanes + i;
      const auto value = static_cast<float>(a.values[row / 2 * a.value_row_stride + at]);
      if (value == 0.0f || (a.codes[row / 2 * a.code_row_stride + at] & 3) != row % 2 * 2 + column % 2) continue;
      append(value, i * a.lane_step + ky * a.tap_row_step + kx * a.tap_step);
    }
  });
}

double listed_sum(const UnpoolList<float>& list, int first_column, int last_column, const float* weights) {
  double sum = 0.0;
  for (std::int32_t e = list.begin[first_column]; e < list.begin[last_column + 1]; ++e)
    sum += double{list.entries[e].value} * weights[list.entries[e].weight_offset];
  return sum;
}

void unpool_conv(const UnpoolConvArgs& a) {
  for (int q = 0; q < a.quads; ++q)
    for (int p = 0; p < 4; ++p)
      for (int o = 0; o < kUnpoolGroup; ++o) {
        const float* w = a.weights - (p / 2) * a.tap_row_step - (2 * q + p % 2) * kUnpoolGroup + o;
        const int first = a.first_column + 2 * q + p % 2, last = first + a.kernel - 1;
        float& out = (p < 2 ? a.upper : a.lower)[(2 * q + p % 2) * kLanes + o];
        double sum = listed_sum(a.lists.middle, first, last, w) +
                     listed_sum(p < 2 ? a.lists.upper : a.lists.lower, first, last, w);
        out = finish(sum, a.epilogue, o, out);
      }
}

template <int kRows, int kColumns>
void winograd_input_patches(const WinogradInputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_input_patch<kRows, kColumns, float>(
          [&](int y, int x) { return a.input[t * a.patch_step + y * a.row_stride + x * kLanes + i]; },
          [&](int element, float v) { a.output[element * a.element_stride + t * kLanes + i] = v; });
}

void winograd_input(const WinogradInputArgs& a) {
  if (a.window.height == 6) return winograd_input_patches<6, 6>(a);
  if (a.window.height == 4) return winograd_input_patches<4, 6>(a);
  winograd_input_patches<1, 6>(a);
}

template <int kRows, typename Value>
void winograd_unpool_patches(const WinogradUnpoolArgs<Value>& a) {
  const float add_scale = sizeof(Value) == sizeof(float) ? 1.0f : a.add_scale;
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_input_patch<kRows, 6, float>(
          [&](int y, int x) {
            const std::ptrdiff_t cell = y / 2 * a.cell_row_stride + (t + x / 2) * kLanes + i;
            const auto value = a.codes[cell] == (y + a.row) % 2 * 2 + x % 2 ? static_cast<float>(a.values[cell]) : 0.0f;
            if (a.add == nullptr) return value;
            const auto add = static_cast<float>(a.add[y * a.add_row_stride + (2 * t + x) * kLanes + i]);
            return value + add * add_scale;
          },
          [&](int element, float v) { a.output[element * a.element_stride + t * kLanes + i] = v; });
}

template <typename Value>
void winograd_unpool(const WinogradUnpoolArgs<Value>& a) {
  a.window.height == 6 ? winograd_unpool_patches<6>(a) : winograd_unpool_patches<1>(a);
}

template <int kRows, int kColumns, int kPatchRows, int kPatchColumns>
void winograd_output_patches(const WinogradOutputArgs& a) {
  for (int t = 0; t < a.patches; ++t)
    for (int i = 0; i < kLanes; ++i)
      winograd_output_patch<kRows, kColumns, kPatchRows, kPatchColumns, float>(
          [&](int element) { return a.input[element * a.element_stride + t * kLanes + i]; },
          [&](int y, int x, float v) {
            if (y < a.rows && t * kPatchColumns + x < a.pixels)
              a.output[y * a.row_stride + (t * kPatchColumns + x) * kLanes + i] =
                  finish(double{v}, a.epilogue, i, 0.0f);
          });
}

void winograd_output(const WinogradOutputArgs& a) {
  if (a.window.height == 6) return winograd_output_patches<6, 6, 2, 2>(a);
  if (a.window.height == 4) return winograd_output_patches<4, 6, 2, 4>(a);
  a.patch.width == 4 ? winograd_output_patches<1, 6, 1, 4>(a) : winograd_output_patches<1, 6, 1, 2>(a);
}

}  // namespace

extern const FloatKernels kFloatKernels;
const FloatKernels kFloatKernels = {
    .conv_group = 1,
    .unpool_group = kUnpoolGroup,
    .thin_3x3 = 16,
    .thin_5x5 = 64,
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

}  // namespace dim::cpu::scalar
