// An operation as a plugin of TensorRT 10 and 11.
#pragma once

#include <new>

#include "tensorrt/plugin/operations.h"

namespace dim::tensorrt {

template <typename Operation>
class Plugin final : public nvinfer1::IPluginV3,
                     public nvinfer1::IPluginV3OneCore,
                     public nvinfer1::IPluginV3OneBuild,
                     public nvinfer1::IPluginV3OneRuntime {
 public:
  nvinfer1::IPluginCapability* getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override {
    switch (type) {
      case nvinfer1::PluginCapabilityType::kCORE:
        return static_cast<nvinfer1::IPluginV3OneCore*>(this);
      case nvinfer1::PluginCapabilityType::kBUILD:
        return static_cast<nvinfer1::IPluginV3OneBuild*>(this);
      case nvinfer1::PluginCapabilityType::kRUNTIME:
        return static_cast<nvinfer1::IPluginV3OneRuntime*>(this);
    }
    return nullptr;
  }
  nvinfer1::IPluginV3* clone() noexcept override { return new (std::nothrow) Plugin(); }

  // core
  const char* getPluginName() const noexcept override { return Operation::kName; }
  const char* getPluginVersion() const noexcept override { return kPluginVersion; }
  const char* getPluginNamespace() const noexcept override { return kPluginNamespace; }

  // build
  int32_t configurePlugin(const nvinfer1::DynamicPluginTensorDesc*, int32_t, const nvinfer1::DynamicPluginTensorDesc*,
                          int32_t) noexcept override {
    return 0;
  }
  int32_t getOutputDataTypes(DataType* outputs, int32_t count, const DataType* inputs,
                             int32_t) const noexcept override {
    for (int32_t i = 0; i < count; ++i) outputs[i] = inputs[0];
    return 0;
  }
  int32_t getOutputShapes(const DimsExprs* inputs, int32_t, const DimsExprs*, int32_t, DimsExprs* outputs,
                          int32_t count, IExprBuilder& build) noexcept override {
    for (int32_t i = 0; i < count; ++i) outputs[i] = scaled(inputs[0], Operation::kScaling, build);
    return 0;
  }
  bool supportsFormatCombination(int32_t position, const nvinfer1::DynamicPluginTensorDesc* tensors, int32_t,
                                 int32_t) noexcept override {
    return supported(tensors[position].desc, tensors[0].desc);
  }
  int32_t getNbOutputs() const noexcept override { return Operation::kOutputs; }
  const char* getTimingCacheID() noexcept override { return kPluginVersion; }

  // run
  int32_t onShapeChange(const PluginTensorDesc*, int32_t, const PluginTensorDesc*, int32_t) noexcept override {
    return 0;
  }
  int32_t enqueue(const PluginTensorDesc* inputs, const PluginTensorDesc*, const void* const* in, void* const* out,
                  void*, cudaStream_t stream) noexcept override {
    return Operation::launch(inputs[0], in, out, stream) == cudaSuccess ? 0 : -1;
  }
  nvinfer1::IPluginV3* attachToContext(nvinfer1::IPluginResourceContext*) noexcept override { return clone(); }
  const nvinfer1::PluginFieldCollection* getFieldsToSerialize() noexcept override { return &no_fields_; }

 private:
  nvinfer1::PluginFieldCollection no_fields_{};
};

template <typename Operation>
class Creator final : public nvinfer1::IPluginCreatorV3One {
 public:
  nvinfer1::IPluginV3* createPlugin(const char*, const nvinfer1::PluginFieldCollection*,
                                    nvinfer1::TensorRTPhase) noexcept override {
    return new (std::nothrow) Plugin<Operation>();
  }
  const nvinfer1::PluginFieldCollection* getFieldNames() noexcept override { return &no_fields_; }
  const char* getPluginName() const noexcept override { return Operation::kName; }
  const char* getPluginVersion() const noexcept override { return kPluginVersion; }
  const char* getPluginNamespace() const noexcept override { return kPluginNamespace; }

 private:
  nvinfer1::PluginFieldCollection no_fields_{};
};

using CreatorInterface = nvinfer1::IPluginCreatorInterface;

}  // namespace dim::tensorrt
