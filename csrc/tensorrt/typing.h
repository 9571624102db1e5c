// The types that the ONNX file gives its tensors, where TensorRT does not keep to them by itself.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tensorrt/compat.h"

namespace dim::tensorrt {

/// Before version 10 the types in the file do not bind TensorRT: with fp16 allowed it rounds where it likes, in a head
/// too, or one reader of a tensor otherwise than another, and then no slice equals the maximum that was pooled from it.
/// So each layer is told to compute in the type of what it writes; `types`: by tensor, "fp16" or "fp32".
/// Convolutions that read quantized tensors stay free, for they are to compute in int8. Plugins take what comes.
template <typename Network>
void bind_types(Network& network, const std::map<std::string, std::string>& types) {
  using nvinfer1::LayerType;
  std::set<std::string> quantized;  // tensors that int8 layers read or make
  for (int i = 0; i < network.getNbLayers(); ++i) {
    auto& layer = *network.getLayer(i);
    const LayerType kind = layer.getType();
    bool is_int8 = kind == LayerType::kDEQUANTIZE;
    if (kind == LayerType::kCONVOLUTION || kind == LayerType::kACTIVATION)
      for (int k = 0; k < layer.getNbInputs(); ++k) is_int8 |= quantized.count(layer.getInput(k)->getName()) > 0;
    for (int k = 0; k < layer.getNbOutputs(); ++k) {
      const std::string name = layer.getOutput(k)->getName();
      if (is_int8) quantized.insert(name);
      const auto found = types.find(name);
      if (found == types.end() || kind == LayerType::kPLUGIN_V2 || kind == LayerType::kCONSTANT) continue;
      const auto type = found->second == "fp16" ? nvinfer1::DataType::kHALF : nvinfer1::DataType::kFLOAT;
      layer.setOutputType(k, type);
      if (!is_int8 && kind != LayerType::kIDENTITY) layer.setPrecision(type);  // identities are casts
    }
  }
}

}  // namespace dim::tensorrt
