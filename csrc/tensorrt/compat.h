// TensorRT's headers, and what differs between its major versions: everything that has to ask for one is here.
#pragma once

#include <NvInfer.h>

#include <cstdint>

namespace dim::tensorrt {

inline constexpr int kMajor = NV_TENSORRT_MAJOR;

// From 10 on plugins are IPluginV3, networks can be strongly typed, and registries load plugin libraries themselves.
#if NV_TENSORRT_MAJOR >= 10
#define DIM_TENSORRT_V3 1
using Extent = std::int64_t;  // of a dimension
#else
#define DIM_TENSORRT_V3 0
using Extent = std::int32_t;
#endif

/// How a network is made whose ONNX file says the precision of every tensor.
inline nvinfer1::NetworkDefinitionCreationFlags network_flags() {
#if NV_TENSORRT_MAJOR >= 11
  return 0;  // every network is strongly typed
#elif NV_TENSORRT_MAJOR == 10
  return 1U << static_cast<unsigned>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
  return 1U << static_cast<unsigned>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
#endif
}

/// TensorRT 8 wants to be told which precisions it may use; where is what bind_types says. It prefers that to what is
/// faster, but builds a layer otherwise rather than none.
template <typename Config>
void allow_precision(Config& config, bool fp16, bool int8) {
#if NV_TENSORRT_MAJOR < 10
  if (fp16) config.setFlag(nvinfer1::BuilderFlag::kFP16);
  if (int8) config.setFlag(nvinfer1::BuilderFlag::kINT8);
  if (fp16 || int8) config.setFlag(nvinfer1::BuilderFlag::kPREFER_PRECISION_CONSTRAINTS);
#else
  static_cast<void>(config), static_cast<void>(fp16), static_cast<void>(int8);
#endif
}

/// TensorRT 8 computes some layers with cuBLAS and cuDNN, and where one of them is missing that is an error. Its own
/// kernels are enough for these networks.
template <typename Config>
void use_own_kernels(Config& config) {
#if NV_TENSORRT_MAJOR < 10
  const auto only = [](nvinfer1::TacticSource source) { return 1U << static_cast<unsigned>(source); };
  config.setTacticSources(only(nvinfer1::TacticSource::kEDGE_MASK_CONVOLUTIONS) |
                          only(nvinfer1::TacticSource::kJIT_CONVOLUTIONS));
  config.setPreviewFeature(nvinfer1::PreviewFeature::kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805, true);
#else
  static_cast<void>(config);
#endif
}

}  // namespace dim::tensorrt
