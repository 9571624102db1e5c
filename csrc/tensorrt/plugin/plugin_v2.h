// An operation as a plugin of TensorRT 8.
#pragma once

#include <new>
#include <string>

#include "tensorrt/plugin/operations.h"

// Deprecated, and all that TensorRT 8 has.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace dim::tensorrt {

template <typename Operation>
class Plugin final : public nvinfer1::IPluginV2DynamicExt {
 public:
  const char* getPluginType() const noexcept override { return Operation::kName; }
  const char* getPluginVersion() const noexcept override { return kPluginVersion; }
  void setPluginNamespace(const char* name) noexcept override { namespace_ = name; }
  const char* getPluginNamespace() const noexcept override { return namespace_.c_str(); }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  void destroy() noexcept override { delete this; }
  size_t getSerializationSize() const noexcept override { return 0; }
  void serialize(void*) const noexcept override {}
  nvinfer1::IPluginV2DynamicExt* clone() const noexcept override { return new (std::nothrow) Plugin(*this); }

  int32_t getNbOutputs() const noexcept override { return Operation::kOutputs; }
  DataType getOutputDataType(int32_t, const DataType* inputs, int32_t) const noexcept override { return inputs[0]; }
  DimsExprs getOutputDimensions(int32_t, const DimsExprs* inputs, int32_t, IExprBuilder& build) noexcept override {
    return scaled(inputs[0], Operation::kScaling, build);
  }
  bool supportsFormatCombination(int32_t position, const PluginTensorDesc* tensors, int32_t,
                                 int32_t) noexcept override {
    return supported(tensors[position], tensors[0]);
  }
  void configurePlugin(const nvinfer1::DynamicPluginTensorDesc*, int32_t, const nvinfer1::DynamicPluginTensorDesc*,
                       int32_t) noexcept override {}
  size_t getWorkspaceSize(const PluginTensorDesc*, int32_t, const PluginTensorDesc*, int32_t) const noexcept override {
    return 0;
  }
  int32_t enqueue(const PluginTensorDesc* inputs, const PluginTensorDesc*, const void* const* in, void* const* out,
                  void*, cudaStream_t stream) noexcept override {
    return Operation::launch(inputs[0], in, out, stream) == cudaSuccess ? 0 : -1;
  }

 private:
  std::string namespace_ = kPluginNamespace;
};

template <typename Operation>
class Creator final : public nvinfer1::IPluginCreator {
 public:
  nvinfer1::IPluginV2* createPlugin(const char*, const nvinfer1::PluginFieldCollection*) noexcept override {
    return new (std::nothrow) Plugin<Operation>();
  }
  nvinfer1::IPluginV2* deserializePlugin(const char*, const void*, size_t) noexcept override {
    return new (std::nothrow) Plugin<Operation>();
  }
  const nvinfer1::PluginFieldCollection* getFieldNames() noexcept override { return &no_fields_; }
  const char* getPluginName() const noexcept override { return Operation::kName; }
  const char* getPluginVersion() const noexcept override { return kPluginVersion; }
  void setPluginNamespace(const char* name) noexcept override { namespace_ = name; }
  const char* getPluginNamespace() const noexcept override { return namespace_.c_str(); }

 private:
  nvinfer1::PluginFieldCollection no_fields_{};
  std::string namespace_ = kPluginNamespace;
};

using CreatorInterface = nvinfer1::IPluginCreator;

}  // namespace dim::tensorrt

#pragma GCC diagnostic pop
