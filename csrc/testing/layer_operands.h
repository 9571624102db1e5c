// What single layers are given from Python, checked, and what becomes of their results.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "testing/single_layers.h"

namespace dim::testing {

namespace py = pybind11;

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Codes = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;
using Layer = std::unique_ptr<SingleLayer>;

/// (channels, height, width). Throws InvalidInput, as the others here.
Planes planes_of(const Floats& array, const char* name);

cpu::ConvWeights weights_of(const Floats& weight, const Floats& bias, int in_channels);

LayerOptions layer_options(const cpu::ConvWeights& weights, bool unpool, bool pool, bool relu,
                           const std::string& algorithm, const std::string& isa, int threads);

/// `add`, empty when there is none; InvalidInput unless codes and add fit the input.
Planes unpool_operands(const Floats& input, const Codes& codes, const std::optional<Floats>& add);

template <typename T>
py::array_t<T> planes_array(const std::vector<T>& data, int channels, Size size) {
  py::array_t<T> array({channels, size.height, size.width});
  std::copy(data.begin(), data.end(), array.mutable_data());
  return array;
}

std::vector<double> seconds_of(SingleLayer& layer, int runs);

}  // namespace dim::testing
