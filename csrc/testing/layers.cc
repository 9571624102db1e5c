// Single layers on (channels, height, width): results for tests, seconds for benchmarks.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "cpu/isa.h"
#include "testing/layer_operands.h"
#include "testing/register.h"

namespace dim::testing {
namespace {

using namespace bindings;
using namespace pybind11::literals;

Layer finished(Layer layer) {
  layer->run();
  return layer;
}

py::array conv2d(const Floats& input, const Floats& weight, const Floats& bias, bool relu, const std::string& algorithm,
                 const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, false, false, relu, algorithm, isa, threads);
  const Layer conv = unlocked([&] { return finished(make_conv2d(planes, weights, false, options)); });
  return planes_array(conv->values(), weights.out_channels, planes.size);
}

py::tuple conv2d_max_pool(const Floats& input, const Floats& weight, const Floats& bias, bool relu,
                          const std::string& algorithm, const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  if (planes.size.height % 2 != 0 || planes.size.width % 2 != 0)
    throw InvalidInput("input: expected even height and width, got " + shape_of(input));
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, false, true, relu, algorithm, isa, threads);
  const Layer conv = unlocked([&] { return finished(make_conv2d(planes, weights, true, options)); });
  const Size half = {planes.size.height / 2, planes.size.width / 2};
  return py::make_tuple(planes_array(conv->values(), weights.out_channels, half),
                        planes_array(conv->codes(), weights.out_channels, half));
}

py::array unpool_conv2d(const Floats& input, const Codes& codes, const std::optional<Floats>& add, const Floats& weight,
                        const Floats& bias, bool relu, const std::string& algorithm, const std::string& isa,
                        int threads) {
  const Planes skip = unpool_operands(input, codes, add);
  const Planes planes = planes_of(input, "input");
  const Size size = {2 * planes.size.height, 2 * planes.size.width};
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, true, false, relu, algorithm, isa, threads);
  const Layer conv =
      unlocked([&] { return finished(make_unpool_conv2d(planes, codes.data(), skip, weights, options)); });
  return planes_array(conv->values(), weights.out_channels, size);
}

py::array sigmoid(const Floats& values, int step, const std::string& isa) {
  if (step < 1) throw InvalidInput("step: expected at least 1, got " + std::to_string(step));
  const auto pixels = static_cast<int>((values.size() + step - 1) / step);
  py::array_t<float> result(pixels);
  const cpu::Kernels kernels = isa.empty() ? cpu::default_kernels() : cpu::kernels_named(isa);
  kernels.floats->sigmoid({values.data(), step, result.mutable_data(), pixels});
  return std::move(result);
}

std::vector<double> layer_seconds(const Floats& input, const Floats& weight, const Floats& bias,
                                  const std::optional<Codes>& codes, const std::optional<Floats>& add, bool pool,
                                  const std::string& algorithm, const std::string& isa, int threads, int runs) {
  const Planes planes = planes_of(input, "input");
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const bool unpool = codes.has_value();
  const LayerOptions options = layer_options(weights, unpool, pool, true, algorithm, isa, threads);
  if (runs < 1) throw InvalidInput("runs: expected at least 1, got " + std::to_string(runs));
  if (pool && (unpool || weights.out_channels == 1 || planes.size.height % 2 != 0 || planes.size.width % 2 != 0))
    throw InvalidInput("pool: expected an input of even sides that is not unpooled, and several outputs");
  if (add && !unpool) throw InvalidInput("add: expected codes with it");
  const Planes skip = unpool ? unpool_operands(input, *codes, add) : Planes{};
  return unlocked([&] {
    const Layer layer = unpool ? make_unpool_conv2d(planes, codes->data(), skip, weights, options)
                               : make_conv2d(planes, weights, pool, options);
    return seconds_of(*layer, runs);
  });
}

}  // namespace

void register_layers(py::module_& m) {
  m.def("conv2d", &conv2d, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "relu"_a = false, "algorithm"_a = "direct",
        "isa"_a = "", "threads"_a = 1, "\"Same\" convolution of (channels, height, width) float32.");
  m.def("conv2d_max_pool", &conv2d_max_pool, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "relu"_a = false,
        "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1,
        "conv2d, then 2x2 max pooling: (values, argmax codes).");
  m.def("unpool_conv2d", &unpool_conv2d, "input"_a, "codes"_a, "add"_a, "weight"_a, "bias"_a, py::kw_only(),
        "relu"_a = false, "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1,
        "conv2d of input unpooled with codes, plus add or None.");
  m.def("sigmoid", &sigmoid, "values"_a, py::kw_only(), "step"_a = 1, "isa"_a = "", "Of every step-th value.");
  m.def("layer_seconds", &layer_seconds, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "codes"_a = py::none(),
        "add"_a = py::none(), "pool"_a = false, "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1, "runs"_a = 1,
        "Runs one of the above with ReLU several times: seconds of each run, without packing.");
}

}  // namespace dim::testing
