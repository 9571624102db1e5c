#include "cpu/layers/dense_conv.h"

#include <algorithm>

#include "cpu/layers/results.h"

namespace dim::cpu {
namespace {

constexpr int kChunkBytes = 96 << 10;
constexpr int kChainTerms = 256;  // sums of partial sums round less than one long chain

}  // namespace

DenseConv::DenseConv(const KernelTables& kernels, const ConvWeights& w, int in_lanes, bool relu)
    : kernels_(kernels),
      in_blocks_((w.in_channels + in_lanes - 1) / in_lanes),
      out_blocks_(blocks_of(w.out_channels)),
      in_lanes_(in_lanes),
      kernel_(w.kernel),
      relu_(relu),
      bias_(w.padded_bias(out_blocks_ * kLanes)) {
  const int block_weights = w.kernel * w.kernel * in_lanes * kLanes;  // of one input and one output block
  const int group_bytes = block_weights * kernels.floats->conv_group * static_cast<int>(sizeof(float));
  const int block_terms = block_weights / kLanes;
  chunk_blocks_ = std::max(1, std::min(kChunkBytes / group_bytes, kChainTerms / block_terms));
  weights_ = AlignedFloats(static_cast<std::size_t>(block_weights) * static_cast<std::size_t>(in_blocks_) *
                           static_cast<std::size_t>(out_blocks_));
  float* out = weights_.data();
  for (int first = 0; first < out_blocks_; first += kernels.floats->conv_group) {
    const int lanes = std::min(kernels.floats->conv_group, out_blocks_ - first) * kLanes;
    for (int b = 0; b < in_blocks_; ++b)
      for (int ky = 0; ky < kernel_; ++ky)
        for (int kx = 0; kx < kernel_; ++kx)
          for (int i = 0; i < in_lanes; ++i)
            for (int o = 0; o < lanes; ++o) *out++ = w.tap(first * kLanes + o, b * in_lanes + i, ky, kx);
  }
}

/// Of a slab of results that is not stored as it is.
std::size_t DenseConv::scratch_bytes() const {
  return std::size_t{kSlabRows} * kSlabPixels * kLanes * static_cast<std::size_t>(kernels_.floats->conv_group) *
         sizeof(float);
}

void DenseConv::run(const ConvCall& call) const {
  const std::vector<Slab> work = slabs_of(*call.region);
  const int groups = (out_blocks_ + kernels_.floats->conv_group - 1) / kernels_.floats->conv_group;
  const std::size_t scratch = call.output.data == nullptr ? scratch_bytes() : 0;
  const auto slab_count = static_cast<int>(work.size());
  call.team->run(slab_count * groups, scratch, [&](int job, std::byte* memory) {
    run_slab(call, work[static_cast<std::size_t>(job % slab_count)], job / slab_count,
             reinterpret_cast<float*>(memory));
  });
}

int DenseConv::blocks_in(int group) const {
  return std::min(kernels_.floats->conv_group, out_blocks_ - group * kernels_.floats->conv_group);
}

/// A chunk of input blocks and a group of output blocks, but for where they are.
ConvArgs DenseConv::args_of(int group, int first_in_block) const {
  const int first = group * kernels_.floats->conv_group;
  const std::ptrdiff_t block_weights = std::ptrdiff_t{kernel_} * kernel_ * in_lanes_ * kLanes;
  ConvArgs args{};
  args.in_blocks = std::min(chunk_blocks_, in_blocks_ - first_in_block);
  args.in_lanes = in_lanes_;
  args.kernel = {kernel_, kernel_};
  args.group = blocks_in(group);
  args.weights = weights_.data() + block_weights * (in_blocks_ * first + args.group * first_in_block);
  args.epilogue = {first_in_block == 0 ? bias_.data() + first * kLanes : nullptr,
                   relu_ && first_in_block + chunk_blocks_ >= in_blocks_};
  return args;
}

void DenseConv::run_slab(const ConvCall& call, const Slab& slab, int group, float* scratch) const {
  const int first = group * kernels_.floats->conv_group;
  const Results results = results_of(call, slab, first, scratch);
  const int radius = kernel_ / 2;
  for (int b = 0; b < in_blocks_; b += chunk_blocks_) {
    ConvArgs args = args_of(group, b);
    args.in_row_stride = call.input.layout.row_stride();
    args.in_block_stride = call.input.layout.block_stride();
    args.out_block_stride = results.block_stride;
    for (int y = slab.y0; y < slab.y1; ++y)
      for_spans(call.region->row(y), slab.x0, slab.x1, [&](int begin, int end) {
        args.input = call.input.at(b, y - radius, begin - radius);
        args.output = results.at(first, y, begin);
        args.pixels = end - begin;
        kernels_.floats->conv(args);
      });
  }
  finish_slab(kernels_, call, slab, results, blocks_in(group));
}

/// A 1×1 convolution, for which each tap is a block of input.
void DenseConv::run_gathered(const float* input, int pixels, int group, float* output,
                             std::ptrdiff_t out_block_stride) const {
  const int taps = kernel_ * kernel_;
  for (int b = 0; b < in_blocks_; b += chunk_blocks_) {
    ConvArgs args = args_of(group, b);
    args.in_block_stride = std::ptrdiff_t{pixels} * in_lanes_;
    args.in_blocks *= taps;
    args.kernel = kPixel;
    args.out_block_stride = out_block_stride;
    args.input = input + b * taps * args.in_block_stride;
    args.output = output;
    args.pixels = pixels;
    kernels_.floats->conv(args);
  }
}

HeadConv::HeadConv(const KernelTables& kernels, const ConvWeights& w, bool relu)
    : kernels_(kernels), in_blocks_(blocks_of(w.in_channels)), kernel_(w.kernel), relu_(relu), bias_(w.bias[0]) {
  weights_ = AlignedFloats(static_cast<std::size_t>(in_blocks_ * kernel_ * kernel_ * kLanes));
  float* out = weights_.data();
  for (int b = 0; b < in_blocks_; ++b)
    for (int ky = 0; ky < kernel_; ++ky)
      for (int kx = 0; kx < kernel_; ++kx)
        for (int i = 0; i < kLanes; ++i) *out++ = w.tap(0, b * kLanes + i, ky, kx);
}

void HeadConv::run(const ConvCall& call) const {
  const int radius = kernel_ / 2;
  const MapLayout& layout = call.input.layout;
  call.team->run_rows(call.region->size().height, [&](int y) {
    for (const Span& span : call.region->row(y))
      kernels_.floats->conv_head({call.input.at(0, y - radius, span.begin - radius),
                                  layout.row_stride(),
                                  layout.block_stride(),
                                  in_blocks_,
                                  kernel_,
                                  weights_.data(),
                                  {&bias_, relu_},
                                  call.output.at(0, y, span.begin),
                                  span.end - span.begin});
  });
}

}  // namespace dim::cpu
