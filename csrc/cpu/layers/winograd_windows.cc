#include "cpu/layers/winograd_windows.h"

namespace dim::cpu {

void transform_windows(const FloatKernels& kernels, const ConvCall& call, Size window, int patch_width, int block,
                       int y, int x, int patches, float* output, std::ptrdiff_t element_stride) {
  if (call.unpool_codes.data == nullptr)
    return kernels.winograd_input({window, call.input.at(block, y, x), call.input.layout.row_stride(),
                                   std::ptrdiff_t{patch_width} * kLanes, patches, output, element_stride});
  const auto unpool = [&](const auto& input, const auto& added, float add_scale, auto* kernel) {
    const int cell_y = y >> 1, cell_x = x >> 1;  // of row -1, too
    const bool adds = added.data != nullptr;
    kernel({window, y & 1, input.at(block, cell_y, cell_x), call.unpool_codes.at(block, cell_y, cell_x),
            input.layout.row_stride(), adds ? added.at(block, y, x) : nullptr, adds ? added.layout.row_stride() : 0,
            add_scale, patches, output, element_stride});
  };
  const QuantizedMap &quantized = call.quantized_input, &added = call.quantized_add;
  if (quantized.data != nullptr)
    unpool(quantized, added, added.scale / quantized.scale, kernels.winograd_unpool_quantized);
  else
    unpool(call.input, call.add, 1.0f, kernels.winograd_unpool);
}

}  // namespace dim::cpu
