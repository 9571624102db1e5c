#include "cpu/layers/quantized_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"

namespace dim::cpu {

QuantizedConv::QuantizedConv(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels),
      in_blocks_(blocks_of(w.in_channels)),
      out_blocks_(blocks_of(w.out_channels)),
      kernel_(w.kernel),
      relu_(relu),
      weights_(static_cast<std::size_t>(kernel_ * kernel_ * in_blocks_ * kLanes) *
               static_cast<std::size_t>(out_blocks_ * kLanes)),
      scale_(w.padded_scale(out_blocks_ * kLanes)),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
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
std::size_t QuantizedConv::scratch_bytes() const {
  return std::size_t{kSlabRows} * kSlabPixels * kLanes * static_cast<std::size_t>(kernels_.quantized->conv_group) *
         sizeof(float);
}

void QuantizedConv::run(const ConvCall& call) const {
  const std::vector<Slab> work = slabs_of(*call.region);
  const int groups = (out_blocks_ + kernels_.quantized->conv_group - 1) / kernels_.quantized->conv_group;
  const auto slab_count = static_cast<int>(work.size());
  call.team->run(slab_count * groups, scratch_bytes(), [&](int job, std::byte* memory) {
    run_slab(call, work[static_cast<std::size_t>(job % slab_count)], job / slab_count,
             reinterpret_cast<float*>(memory));
  });
}

void QuantizedConv::run_slab(const ConvCall& call, const Slab& slab, int group, float* scratch) const {
  const QuantizedMap &input = call.quantized_input, &output = call.quantized_output;
  const int first = group * kernels_.quantized->conv_group;
  const int blocks = std::min(kernels_.quantized->conv_group, out_blocks_ - first);
  const bool at_once = output.data != nullptr && !call.pools();  // quantized by the kernel itself
  const Results results = results_of(call, slab, first, scratch);
  const int radius = kernel_ / 2;
  QuantizedConvArgs args{};
  args.in_row_stride = input.layout.row_stride();
  args.in_block_stride = input.layout.block_stride();
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
      args.input = input.at(0, y - radius, begin - radius);
      args.output = at_once ? nullptr : results.at(first, y, begin);
      args.quantized = at_once ? output.at(first, y, begin) : nullptr;
      args.pixels = end - begin;
      kernels_.quantized->conv(args);
    });
  if (!at_once) finish_slab(kernels_, call, slab, results, blocks);
}

}  // namespace dim::cpu
