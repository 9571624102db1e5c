// The two operations that TensorRT lacks, described once for each of its plugin interfaces.
#pragma once

#include "cuda/kernels.h"
#include "tensorrt/compat.h"

namespace dim::tensorrt {

inline constexpr char kPluginNamespace[] = "dim_trt";
inline constexpr char kPluginVersion[] = "1";

using nvinfer1::DataType;
using nvinfer1::DimsExprs;
using nvinfer1::IExprBuilder;
using nvinfer1::PluginTensorDesc;
using nvinfer1::TensorFormat;

/// [N, C, H, W] of a tensor that the kernels take.
inline cuda::MapShape map_shape(const PluginTensorDesc& tensor) {
  const auto side = [&](int i) { return static_cast<int>(tensor.dims.d[i]); };
  return {side(0), side(1), {side(2), side(3)}};
}

inline cuda::Type map_type(const PluginTensorDesc& tensor) {
  return tensor.type == DataType::kHALF ? cuda::Type::kFloat16 : cuda::Type::kFloat32;
}

inline cuda::Layout map_layout(const PluginTensorDesc& tensor) {
  return tensor.format == TensorFormat::kHWC8 ? cuda::Layout::kHwc8 : cuda::Layout::kLinear;
}

/// All tensors of a node have the type and the layout of its first input, so that no reformatting is needed around it.
inline bool supported(const PluginTensorDesc& tensor, const PluginTensorDesc& first) {
  if (tensor.type != first.type || tensor.format != first.format) return false;
  if (tensor.format == TensorFormat::kLINEAR) return tensor.type == DataType::kFLOAT || tensor.type == DataType::kHALF;
  return tensor.format == TensorFormat::kHWC8 && tensor.type == DataType::kHALF;
}

/// Height and width of `from`, divided by two or doubled; batch and channels stay.
inline DimsExprs scaled(const DimsExprs& from, nvinfer1::DimensionOperation operation, IExprBuilder& build) {
  DimsExprs to = from;
  for (const int i : {2, 3}) to.d[i] = build.operation(operation, *from.d[i], *build.constant(2));
  return to;
}

/// x -> values, codes: 2×2 max pooling, and which of the four won, stored as a number of the data's type.
struct MaxPoolArgmax {
  static constexpr char kName[] = "MaxPoolArgmax";
  static constexpr int kInputs = 1;
  static constexpr int kOutputs = 2;
  static constexpr auto kScaling = nvinfer1::DimensionOperation::kFLOOR_DIV;

  static cudaError_t launch(const PluginTensorDesc& x, const void* const* inputs, void* const* outputs,
                            cudaStream_t stream) {
    return cuda::max_pool_argmax(inputs[0], outputs[0], outputs[1], map_shape(x), map_type(x), map_layout(x), stream);
  }
};

/// values, codes -> x: each value back where its code says, zeros elsewhere.
struct IndexUnpool {
  static constexpr char kName[] = "IndexUnpool";
  static constexpr int kInputs = 2;
  static constexpr int kOutputs = 1;
  static constexpr auto kScaling = nvinfer1::DimensionOperation::kPROD;

  static cudaError_t launch(const PluginTensorDesc& values, const void* const* inputs, void* const* outputs,
                            cudaStream_t stream) {
    return cuda::index_unpool(inputs[0], inputs[1], outputs[0], map_shape(values), map_type(values), map_layout(values),
                              stream);
  }
};

}  // namespace dim::tensorrt
