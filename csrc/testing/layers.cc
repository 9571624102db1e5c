// Single layers on (channels, height, width): results for tests, seconds for benchmarks.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "cpu/isa.h"
#include "cpu/layers/quantized_winograd.h"
#include "testing/register.h"
#include "testing/single_layers.h"

namespace dim::testing {
namespace {

using namespace bindings;
using namespace pybind11::literals;

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Codes = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

Planes planes_of(const Floats& array, const char* name) {
  if (array.ndim() != 3 || array.size() == 0)
    throw InvalidInput(std::string(name) + ": expected shape (channels, height, width), got " + shape_of(array));
  return {static_cast<int>(array.shape(0)),
          {static_cast<int>(array.shape(1)), static_cast<int>(array.shape(2))},
          array.data()};
}

cpu::ConvWeights weights_of(const Floats& weight, const Floats& bias, int in_channels) {
  if (weight.ndim() != 4 || weight.shape(1) != in_channels || weight.shape(2) != weight.shape(3) ||
      weight.shape(2) % 2 != 1 || bias.ndim() != 1 || bias.shape(0) != weight.shape(0))
    throw InvalidInput("weight: expected shape (out, " + std::to_string(in_channels) +
                       ", k, k) with odd k, and a bias of shape (out,), got " + shape_of(weight) + " and " +
                       shape_of(bias));
  return {in_channels, static_cast<int>(weight.shape(0)), static_cast<int>(weight.shape(2)), weight.data(),
          bias.data()};
}

LayerOptions layer_options(const cpu::ConvWeights& weights, bool unpool, bool relu, const std::string& algorithm,
                           const std::string& isa, int threads) {
  const bool keep_ties = algorithm == "winograd-ties";
  const bool winograd = keep_ties || algorithm == "winograd";
  if (!winograd && algorithm != "direct")
    throw InvalidInput("algorithm: expected 'direct', 'winograd' or 'winograd-ties', got '" + algorithm + "'");
  if (winograd && (weights.out_channels == 1 || !(weights.kernel == 5 || (weights.kernel == 3 && !unpool))))
    throw InvalidInput("algorithm: winograd needs a 5x5 kernel, or 3x3 without unpooling, and several outputs");
  if (threads < 1) throw InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  return {isa.empty() ? cpu::default_kernels() : cpu::kernels_named(isa), threads, relu,
          winograd ? cpu::Algorithm::winograd : cpu::Algorithm::direct, keep_ties};
}

template <typename T>
py::array_t<T> planes_array(const std::vector<T>& data, int channels, Size size) {
  py::array_t<T> array({channels, size.height, size.width});
  std::copy(data.begin(), data.end(), array.mutable_data());
  return array;
}

using Layer = std::unique_ptr<SingleLayer>;

std::vector<double> seconds_of(SingleLayer& layer, int runs) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    layer.run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return seconds;
}

Layer finished(Layer layer) {
  layer->run();
  return layer;
}

py::array conv2d(const Floats& input, const Floats& weight, const Floats& bias, bool relu, const std::string& algorithm,
                 const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, false, relu, algorithm, isa, threads);
  const Layer conv = unlocked([&] { return finished(make_conv2d(planes, weights, false, options)); });
  return planes_array(conv->values(), weights.out_channels, planes.size);
}

py::tuple conv2d_max_pool(const Floats& input, const Floats& weight, const Floats& bias, bool relu,
                          const std::string& algorithm, const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  if (planes.size.height % 2 != 0 || planes.size.width % 2 != 0)
    throw InvalidInput("input: expected even height and width, got " + shape_of(input));
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, false, relu, algorithm, isa, threads);
  const Layer conv = unlocked([&] { return finished(make_conv2d(planes, weights, true, options)); });
  const Size half = {planes.size.height / 2, planes.size.width / 2};
  return py::make_tuple(planes_array(conv->values(), weights.out_channels, half),
                        planes_array(conv->codes(), weights.out_channels, half));
}

/// `add`, empty when there is none; InvalidInput unless codes and add fit the input.
Planes unpool_operands(const Floats& input, const Codes& codes, const std::optional<Floats>& add) {
  const Planes planes = planes_of(input, "input");
  if (codes.ndim() != 3 || !std::equal(codes.shape(), codes.shape() + 3, input.shape()))
    throw InvalidInput("codes: expected the input's shape " + shape_of(input) + ", got " + shape_of(codes));
  const Planes skip = add ? planes_of(*add, "add") : Planes{};
  if (add && (skip.channels != planes.channels || skip.size != Size{2 * planes.size.height, 2 * planes.size.width}))
    throw InvalidInput("add: expected the unpooled input's shape, got " + shape_of(*add));
  return skip;
}

py::array unpool_conv2d(const Floats& input, const Codes& codes, const std::optional<Floats>& add, const Floats& weight,
                        const Floats& bias, bool relu, const std::string& algorithm, const std::string& isa,
                        int threads) {
  const Planes skip = unpool_operands(input, codes, add);
  const Planes planes = planes_of(input, "input");
  const Size size = {2 * planes.size.height, 2 * planes.size.width};
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const LayerOptions options = layer_options(weights, true, relu, algorithm, isa, threads);
  const Layer conv =
      unlocked([&] { return finished(make_unpool_conv2d(planes, codes.data(), skip, weights, options)); });
  return planes_array(conv->values(), weights.out_channels, size);
}

/// How a quantized layer is tested: int8 weights, or where it unpools these as floats.
struct QuantizedOperands {
  std::vector<std::int8_t> int8;
  std::vector<float> scale;
  cpu::ConvWeights weights;
};

/// `weight`: whole numbers of -127 to 127; `scale`: by output channel.
QuantizedOperands quantized_operands(const Floats& weight, const Floats& scale, const Floats& bias, int in_channels) {
  QuantizedOperands operands;
  operands.weights = weights_of(weight, bias, in_channels);
  if (scale.ndim() != 1 || scale.shape(0) != bias.shape(0))
    throw InvalidInput("scale: expected one for each output channel, got shape " + shape_of(scale));
  operands.int8.assign(weight.data(), weight.data() + weight.size());
  operands.scale.assign(scale.data(), scale.data() + scale.size());
  operands.weights.int8 = operands.int8.data();
  operands.weights.scale = operands.scale.data();
  return operands;
}

struct QuantizedLayer {
  QuantizedOperands operands;
  Layer layer;
};

std::unique_ptr<QuantizedLayer> quantized_layer(const Floats& input, const Floats& weight, const Floats& scale,
                                                const Floats& bias, const std::optional<Codes>& codes, bool pool,
                                                float out_scale, bool relu, const std::string& algorithm,
                                                const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  auto result = std::make_unique<QuantizedLayer>();
  result->operands = quantized_operands(weight, scale, bias, planes.channels);
  const cpu::ConvWeights& weights = result->operands.weights;
  LayerOptions options = layer_options(weights, codes.has_value(), relu, algorithm, isa, threads);
  if (options.algorithm == cpu::Algorithm::winograd &&
      (codes || !cpu::QuantizedWinograd::supports(options.kernels, weights)))
    throw InvalidInput(
        "algorithm: winograd needs a 3x3 kernel, no codes, at most 3698 input channels, and an instruction "
        "set without dot products");
  options.quantized = true;
  options.out_scale = out_scale;
  if (pool && (codes || planes.size.height % 2 != 0 || planes.size.width % 2 != 0))
    throw InvalidInput("pool: expected an input of even sides that is not unpooled");
  if (codes) unpool_operands(input, *codes, std::nullopt);
  result->layer = codes ? make_unpool_conv2d(planes, codes->data(), Planes{}, weights, options)
                        : make_conv2d(planes, weights, pool, options);
  return result;
}

py::tuple quantized_conv2d(const Floats& input, const Floats& weight, const Floats& scale, const Floats& bias,
                           const std::optional<Codes>& codes, bool pool, float out_scale, bool relu,
                           const std::string& algorithm, const std::string& isa, int threads) {
  const auto quantized =
      quantized_layer(input, weight, scale, bias, codes, pool, out_scale, relu, algorithm, isa, threads);
  unlocked([&] { quantized->layer->run(); });
  Size size = planes_of(input, "input").size;
  if (pool) size = {size.height / 2, size.width / 2};
  if (codes) size = {2 * size.height, 2 * size.width};
  const int channels = quantized->operands.weights.out_channels;
  py::object pooled_codes = py::none();
  if (pool) pooled_codes = planes_array(quantized->layer->codes(), channels, size);
  return py::make_tuple(planes_array(quantized->layer->values(), channels, size), pooled_codes);
}

std::vector<double> quantized_layer_seconds(const Floats& input, const Floats& weight, const Floats& scale,
                                            const Floats& bias, const std::optional<Codes>& codes, bool pool,
                                            float out_scale, const std::string& algorithm, const std::string& isa,
                                            int threads, int runs) {
  const auto quantized =
      quantized_layer(input, weight, scale, bias, codes, pool, out_scale, true, algorithm, isa, threads);
  return unlocked([&] { return seconds_of(*quantized->layer, runs); });
}

std::vector<double> layer_seconds(const Floats& input, const Floats& weight, const Floats& bias,
                                  const std::optional<Codes>& codes, const std::optional<Floats>& add, bool pool,
                                  const std::string& algorithm, const std::string& isa, int threads, int runs) {
  const Planes planes = planes_of(input, "input");
  const cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const bool unpool = codes.has_value();
  const LayerOptions options = layer_options(weights, unpool, true, algorithm, isa, threads);
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
  m.def("layer_seconds", &layer_seconds, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "codes"_a = py::none(),
        "add"_a = py::none(), "pool"_a = false, "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1, "runs"_a = 1,
        "Runs one of the above with ReLU several times: seconds of each run, without packing.");
  m.def("quantized_conv2d", &quantized_conv2d, "input"_a, "weight"_a, "scale"_a, "bias"_a, py::kw_only(),
        "codes"_a = py::none(), "pool"_a = false, "out_scale"_a = 0.0f, "relu"_a = false, "algorithm"_a = "direct",
        "isa"_a = "", "threads"_a = 1,
        "conv2d of whole numbers, 0 to 127 by -127 to 127, times scale, plus bias; of input unpooled with codes, or "
        "pooled afterwards; out_scale above 0: in steps of that, 0 to 127. (values, argmax codes or None).");
  m.def("quantized_layer_seconds", &quantized_layer_seconds, "input"_a, "weight"_a, "scale"_a, "bias"_a, py::kw_only(),
        "codes"_a = py::none(), "pool"_a = false, "out_scale"_a = 0.0f, "algorithm"_a = "direct", "isa"_a = "",
        "threads"_a = 1, "runs"_a = 1, "Runs it with ReLU several times: seconds of each run, without packing.");
}

}  // namespace dim::testing
