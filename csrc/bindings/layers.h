// What a backend says of its layers, for Python.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"

namespace dim::bindings {

/// (name, "fp32" or "int8") of each convolution.
inline std::vector<std::pair<std::string, std::string>> layers_of(const Backend& backend) {
  std::vector<std::pair<std::string, std::string>> layers;
  for (const LayerPrecision& layer : backend.layers()) layers.emplace_back(layer.name, layer.precision);
  return layers;
}

}  // namespace dim::bindings
