#include "cpu/layers/quantized_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"

namespace dim::cpu {

/// What a slab's convolution reads: bytes of whole pixels.
struct QuantizedConv::Source {
  const std::uint8_t* data;  // of pixel (y, x) of block 0
  std::ptrdiff_t block_stride, row_stride;
  int y, x;

  const std::uint8_t* at(int row, int column) const {
    return data + (row - y) * row_stride + std::ptrdiff_t{column - x} * kLanes;
  }
};

QuantizedConv::QuantizedConv(const KernelTables& kernels, const ConvSpec& spec)
    : kernels_(kernels),
      in_blocks_(blocks_of(spec.weights.in_channels)),
      out_blocks_(blocks_of(spec.weights.out_channels)),
      kernel_(spec.weights.kernel),
      sums_(spec.adds),
      relu_(spec.relu),
      weights_(static_cast<std::size_t>(kernel_ * kernel_ * in_blocks_ * kLanes) *
               static_cast<std::size_t>(out_blocks_ * kLanes)),
      scale_(spec.weights.padded_scale(out_blocks_ * kLanes)),
      bias_(spec.weights.padded_bias(out_blocks_ * kLanes)) {
  const ConvWeights& w = spec.weights;
  std::int8_t* out = weights_.data();
  for (int first = 0; first < out_blocks_; first += kernels.quantized->conv_group) {
    const int lanes = std::min(kernels.quantized->conv_group, out_blocks_ - first) * kLanes;
    for (int b = 0; b < in_blocks_; ++b)
      for (int ky = 0; ky < kernel_; ++ky)
        for (int kx = 0; kx < kernel_; ++kx)
          for (int i = b * kLanes; i < (b + 1) * kLanes; i += kDotChannels)
            for (int o = 0; o < lanes; ++o)
              for (int d = 0; d < kDotChannels; ++d) *out++ = w.int8_tap(first * kLanes + o, i + d, ky, kx);
  }
}

/// Of a slab of results that is not stored as it is.
std::size_t QuantizedConv::result_bytes() const {
  return std::size_t{kSlabRows} * kSlabPixels * kLanes * static_cast<std::size_t>(kernels_.quantized->conv_group) *
         sizeof(float);
}

/// And of what the slab reads, where that is a sum.
std::size_t QuantizedConv::scratch_bytes() const {
  if (!sums_) return result_bytes();
  const auto rows = static_cast<std::size_t>(kSlabRows + kernel_ - 1);
  const auto pixels = static_cast<std::size_t>(kSlabPixels + kernel_ + 1);  // of whole cells
  return result_bytes() + static_cast<std::size_t>(in_blocks_) * rows * pixels * kLanes;
}

void QuantizedConv::run(const ConvCall& call) const {
  const std::vector<Slab> work = slabs_of(*call.region);
  const int groups = (out_blocks_ + kernels_.quantized->conv_group - 1) / kernels_.quantized->conv_group;
  const auto slab_count = static_cast<int>(work.size());
  call.team->run(slab_count * groups, scratch_bytes(), [&](int job, std::byte* memory) {
    run_slab(call, work[static_cast<std::size_t>(job % slab_count)], job / slab_count, memory);
  });
}

/// Unpooled once for all rows and columns of a kernel.
QuantizedConv::Source QuantizedConv::unpooled_sum(const ConvCall& call, const Slab& slab, std::uint8_t* memory) const {
  const QuantizedMap &input = call.quantized_input, &add = call.quantized_add;
  const Slab wanted = bounds_of(*call.region, slab);
  const int radius = kernel_ / 2, y0 = wanted.y0 - radius, rows = wanted.y1 + radius - y0;
  const int first_cell = (wanted.x0 - radius) >> 1, cells = ((wanted.x1 + radius + 1) >> 1) - first_cell;
  const Source sum = {memory, std::ptrdiff_t{rows} * cells * 2 * kLanes, std::ptrdiff_t{cells} * 2 * kLanes, y0,
                      2 * first_cell};
  for (int b = 0; b < in_blocks_; ++b)
    for (int y = y0; y < y0 + rows; ++y, memory += sum.row_stride)
      kernels_.quantized->unpool_sum({input.at(b, y >> 1, first_cell), call.unpool_codes.at(b, y >> 1, first_cell),
                                      y & 1, add.at(b, y, sum.x), cells, memory});
  return sum;
}

void QuantizedConv::run_slab(const ConvCall& call, const Slab& slab, int group, std::byte* memory) const {
  const QuantizedMap &input = call.quantized_input, &output = call.quantized_output;
  const int first = group * kernels_.quantized->conv_group;
  const int blocks = std::min(kernels_.quantized->conv_group, out_blocks_ - first);
  const bool at_once = output.data != nullptr && !call.pools();  // quantized by the kernel itself
  const Results results = results_of(call, slab, first, reinterpret_cast<float*>(memory));
  const int radius = kernel_ / 2;
  const Source source = sums_ ? unpooled_sum(call, slab, reinterpret_cast<std::uint8_t*>(memory + result_bytes()))
                              : Source{input.at(0, slab.y0, slab.x0), input.layout.block_stride(),
                                       input.layout.row_stride(), slab.y0, slab.x0};
  QuantizedConvArgs args{};
  args.in_row_stride = source.row_stride;
  args.in_block_stride = source.block_stride;
  args.in_blocks = in_blocks_;
  args.kernel = kernel_;
  args.weights = weights_.data() + std::ptrdiff_t{kernel_} * kernel_ * in_blocks_ * kLanes * first * kLanes;
  args.group = blocks;
  args.scale = scale_.data() + std::ptrdiff_t{first} * kLanes;
  args.bias = bias_.data() + std::ptrdiff_t{first} * kLanes;
  args.relu = relu_;
  args.per_scale = 1.0f / output.scale;
  args.out_block_stride = at_once ? output.layout.block_stride() : results.block_stride;
  for (int y = slab.y0; y < slab.y1; ++y)
    for_spans(call.region->row(y), slab.x0, slab.x1, [&](int begin, int end) {
      args.input = source.at(y - radius, begin - radius);
      args.output = at_once ? nullptr : results.at(first, y, begin);
      args.quantized = at_once ? output.at(first, y, begin) : nullptr;
      args.pixels = end - begin;
      kernels_.quantized->conv(args);
    });
  if (!at_once) finish_slab(kernels_, call, slab, results, blocks);
}

}  // namespace dim::cpu
