// Single layers of quantized maps on (channels, height, width): results for tests, seconds for benchmarks.
#include <utility>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "cpu/layers/quantized_winograd.h"
#include "testing/layer_operands.h"
#include "testing/register.h"

namespace dim::testing {
namespace {

using namespace bindings;
using namespace pybind11::literals;

/// How a quantized layer is tested: its weights are whole numbers, which some layers read as floats.
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
  operands.weights.weight = nullptr;
  operands.weights.int8 = operands.int8.data();
  operands.weights.scale = operands.scale.data();
  return operands;
}

struct QuantizedLayer {
  QuantizedOperands operands;
  Layer layer;
};

std::unique_ptr<QuantizedLayer> quantized_layer(const Floats& input, const Floats& weight, const Floats& scale,
                                                const Floats& bias, const std::optional<Codes>& codes,
                                                const std::optional<Floats>& add, float add_scale, bool pool,
                                                float out_scale, bool relu, const std::string& algorithm,
                                                const std::string& isa, int threads) {
  const Planes planes = planes_of(input, "input");
  auto result = std::make_unique<QuantizedLayer>();
  result->operands = quantized_operands(weight, scale, bias, planes.channels);
  const cpu::ConvWeights& weights = result->operands.weights;
  LayerOptions options = layer_options(weights, codes.has_value(), pool, relu, algorithm, isa, threads);
  const bool best = options.algorithm == cpu::Algorithm::best, direct = options.algorithm == cpu::Algorithm::direct;
  const bool dots = options.kernels.quantized->unpool_dots != nullptr;
  if (add && (!codes || weights.kernel != 5 || (direct && (!dots || add_scale != 1.0f))))
    throw InvalidInput(
        "add: expected codes, a 5x5 kernel and algorithm 'winograd' or 'row-winograd' with it; 'direct' where dot "
        "products take 0 to 255 and add_scale is 1");
  if (!best && !direct && !add &&
      (codes || options.algorithm == cpu::Algorithm::row_winograd ||
       !cpu::QuantizedWinograd::supports(options.kernels, weights)))
    throw InvalidInput("algorithm: winograd needs a 3x3 kernel, no codes, at most 924 input channels, and x86");
  options.quantized = true;
  options.out_scale = out_scale;
  if (pool && (codes || planes.size.height % 2 != 0 || planes.size.width % 2 != 0))
    throw InvalidInput("pool: expected an input of even sides that is not unpooled");
  options.add_scale = add_scale;
  const Planes skip = codes ? unpool_operands(input, *codes, add) : Planes{};
  result->layer = codes ? make_unpool_conv2d(planes, codes->data(), skip, weights, options)
                        : make_conv2d(planes, weights, pool, options);
  return result;
}

py::tuple quantized_conv2d(const Floats& input, const Floats& weight, const Floats& scale, const Floats& bias,
                           const std::optional<Codes>& codes, const std::optional<Floats>& add, float add_scale,
                           bool pool, float out_scale, bool relu, const std::string& algorithm, const std::string& isa,
                           int threads) {
  const auto quantized = quantized_layer(input, weight, scale, bias, codes, add, add_scale, pool, out_scale, relu,
                                         algorithm, isa, threads);
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
                                            const Floats& bias, const std::optional<Codes>& codes,
                                            const std::optional<Floats>& add, float add_scale, bool pool,
                                            float out_scale, const std::string& algorithm, const std::string& isa,
                                            int threads, int runs) {
  if (runs < 1) throw InvalidInput("runs: expected at least 1, got " + std::to_string(runs));
  const auto quantized = quantized_layer(input, weight, scale, bias, codes, add, add_scale, pool, out_scale, true,
                                         algorithm, isa, threads);
  return unlocked([&] { return seconds_of(*quantized->layer, runs); });
}

}  // namespace

void register_quantized_layers(py::module_& m) {
  m.def("quantized_conv2d", &quantized_conv2d, "input"_a, "weight"_a, "scale"_a, "bias"_a, py::kw_only(),
        "codes"_a = py::none(), "add"_a = py::none(), "add_scale"_a = 1.0f, "pool"_a = false, "out_scale"_a = 0.0f,
        "relu"_a = false, "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1,
        "conv2d of whole numbers, 0 to 127 by -127 to 127, times scale, plus bias; of input unpooled with codes, plus "
        "add in steps of add_scale, or "
        "pooled afterwards; out_scale above 0: in steps of that, 0 to 127. (values, argmax codes or None).");
  m.def("quantized_layer_seconds", &quantized_layer_seconds, "input"_a, "weight"_a, "scale"_a, "bias"_a, py::kw_only(),
        "codes"_a = py::none(), "add"_a = py::none(), "add_scale"_a = 1.0f, "pool"_a = false, "out_scale"_a = 0.0f,
        "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1, "runs"_a = 1,
        "Runs it with ReLU several times: seconds of each run, without packing.");
}

}  // namespace dim::testing
