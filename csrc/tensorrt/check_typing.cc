// bind_types on a network of stand-ins: what each layer is told.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tensorrt/check.h"
#include "tensorrt/typing.h"

namespace dim::tensorrt {
namespace {

using nvinfer1::DataType;
using nvinfer1::LayerType;

struct Tensor {
  std::string name;

  const char* getName() const { return name.c_str(); }
};

struct Layer {
  LayerType type;
  std::vector<Tensor> inputs, outputs;
  std::string told;  // "precision:output,output", each h, f or - for nothing

  Layer(LayerType kind, const std::vector<std::string>& in, const std::vector<std::string>& out)
      : type(kind), told("-:" + std::string(out.size(), '-')) {
    for (const std::string& name : in) inputs.push_back({name});
    for (const std::string& name : out) outputs.push_back({name});
  }

  LayerType getType() const { return type; }
  int getNbInputs() const { return static_cast<int>(inputs.size()); }
  int getNbOutputs() const { return static_cast<int>(outputs.size()); }
  const Tensor* getInput(int i) const { return &inputs[static_cast<std::size_t>(i)]; }
  const Tensor* getOutput(int i) const { return &outputs[static_cast<std::size_t>(i)]; }
  void setPrecision(DataType type_) { told[0] = letter(type_); }
  void setOutputType(int i, DataType type_) { told[static_cast<std::size_t>(2 + i)] = letter(type_); }

  static char letter(DataType type_) { return type_ == DataType::kHALF ? 'h' : 'f'; }
};

struct Network {
  std::vector<Layer> layers;

  int getNbLayers() const { return static_cast<int>(layers.size()); }
  Layer* getLayer(int i) { return &layers[static_cast<std::size_t>(i)]; }
};

/// A layer and what it should be told.
using Case = std::pair<Layer, std::string>;

void check(Checks& checks, const std::string& what, const std::map<std::string, std::string>& types,
           const std::vector<Case>& cases) {
  Network network;
  for (const auto& [layer, told] : cases) network.layers.push_back(layer);
  bind_types(network, types);
  for (std::size_t i = 0; i < cases.size(); ++i)
    checks.expect(what + ": layer of " + cases[i].first.outputs[0].name, cases[i].second, network.layers[i].told);
}

}  // namespace

void check_typing(Checks& checks) {
  check(checks, "fp16 without plugins",
        {{"x", "fp16"},
         {"conv", "fp16"},
         {"relu", "fp16"},
         {"max", "fp16"},
         {"slice", "fp16"},
         {"raw", "fp32"},
         {"alpha", "fp32"},
         {"one", "fp16"}},
        {{{LayerType::kIDENTITY, {"input"}, {"x"}}, "-:h"},
         {{LayerType::kCONVOLUTION, {"x"}, {"conv"}}, "h:h"},
         {{LayerType::kACTIVATION, {"conv"}, {"relu"}}, "h:h"},
         {{LayerType::kPOOLING, {"relu"}, {"max"}}, "h:h"},
         {{LayerType::kSHAPE, {"relu"}, {"(Unnamed Layer* 5) [Shape]_output"}}, "-:-"},
         {{LayerType::kSLICE, {"relu"}, {"slice"}}, "h:h"},
         {{LayerType::kELEMENTWISE, {"slice", "max"}, {"wins"}}, "-:-"},
         {{LayerType::kCONSTANT, {}, {"one"}}, "-:-"},
         {{LayerType::kIDENTITY, {"slice"}, {"raw"}}, "-:f"},
         {{LayerType::kACTIVATION, {"raw"}, {"alpha"}}, "f:f"}});
  check(checks, "plugins", {{"max", "fp16"}, {"codes", "fp16"}},
        {{{LayerType::kPLUGIN_V2, {"x"}, {"max", "codes"}}, "-:--"}});
  check(checks, "int8", {{"conv", "fp16"}, {"relu", "fp16"}, {"max", "fp16"}, {"next", "fp16"}},
        {{{LayerType::kQUANTIZE, {"x"}, {"x.int8"}}, "-:-"},
         {{LayerType::kDEQUANTIZE, {"x.int8"}, {"x.dequantized"}}, "-:-"},
         {{LayerType::kCONVOLUTION, {"x.dequantized", "weight.dequantized"}, {"conv"}}, "-:h"},
         {{LayerType::kACTIVATION, {"conv"}, {"relu"}}, "-:h"},
         {{LayerType::kPOOLING, {"relu"}, {"max"}}, "h:h"},
         {{LayerType::kCONVOLUTION, {"max"}, {"next"}}, "h:h"}});
}

}  // namespace dim::tensorrt
