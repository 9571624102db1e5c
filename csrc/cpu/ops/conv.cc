#include "cpu/ops/conv.h"

#include <cmath>

namespace dim::cpu {

/// Sums of products of 0..127, or of two such, and -127..127 stay below 2^31.
constexpr std::size_t most_int8_terms(bool of_sums) { return 0x7fffffff / (127 * (of_sums ? 254 : 127)); }

namespace {

float scaled(const Json& json, float weight, float scale) {
  const float product = weight * scale;
  if (!std::isfinite(product)) Parser::fail(json, "the weights and the scale of the input are too large together");
  return product;
}

}  // namespace

/// What is added is read by the transform of a 5×5 convolution alone; others convolve both terms by themselves.
void Conv::check_sum(const Json& json, const Parser& parser) const {
  const Value& added = parser.value(add);
  if (quantized != (added.element == Element::quantized))
    Parser::fail(json, "adds a quantized value to one that is not, or the other way round");
  if (kernel != 5 && (quantized || parser.value(output).element == Element::quantized))
    Parser::fail(json,
                 "adds to an unpooled value with a kernel other than 5x5, and so neither reads nor writes a "
                 "quantized one");
  if (quantized && !std::isnormal(added.scale / parser.value(input).scale))
    Parser::fail(json, "the scales of the two values that it adds are too far apart");
}

Conv Conv::parse(const Json& json, Parser& parser) {
  Conv conv;
  conv.input = parser.read_floats_or_quantized(json.at("input"));
  Value in = parser.value(conv.input);
  conv.quantized = in.element == Element::quantized;
  conv.kernel = static_cast<int>(json.at("kernel").integer(1, kMaxKernel));
  if (conv.kernel % 2 == 0) Parser::fail(json, "expected an odd kernel, got " + std::to_string(conv.kernel));
  conv.relu = json.at("relu").boolean();
  if (!json.at("codes").is_null()) {
    conv.codes = parser.read(json.at("codes"), Element::argmax_code);
    const Value& codes = parser.value(conv.codes);
    if (codes.channels != in.channels || codes.level != in.level)
      Parser::fail(json, "'" + codes.name + "' does not fit '" + in.name + "'");
    --in.level;
  }
  if (!json.at("add").is_null()) {
    conv.add = parser.read_floats_or_quantized(json.at("add"));
    const Value& add = parser.value(conv.add);
    if (!conv.unpools() || add.channels != in.channels || add.level != in.level)
      Parser::fail(json, "'" + add.name + "' cannot be added to the unpooled '" + in.name + "'");
  }
  const auto& shape = json.at("weight").at("shape").array();
  if (shape.empty()) Parser::fail(json, "weight: expected 4 dimensions");
  const auto out_channels = static_cast<std::size_t>(shape[0].integer(1, kMaxChannels));
  const auto k = static_cast<std::size_t>(conv.kernel);
  const Tensors& tensors = parser.tensors();
  const std::vector<std::size_t> weight_shape = {out_channels, static_cast<std::size_t>(in.channels), k, k};
  const bool sums_fit = static_cast<std::size_t>(in.channels) * k * k <= most_int8_terms(conv.adds());
  if (conv.quantized && !conv.unpools() && !sums_fit) Parser::fail(json, "sums up more products than 32 bits hold");
  const bool is_int8 = json.at("weight").at("dtype").string() == "int8";
  if (conv.quantized && (!conv.unpools() || (is_int8 && sums_fit))) {
    conv.int8_weight = tensors.read_int8(json.at("weight"), weight_shape);
    for (float& scale : conv.int8_weight.scale) {
      scale = scaled(json, scale, in.scale);
      scaled(json, scale, 127.0f);  // the largest weight, where they are needed as floats
    }
  } else {
    conv.weight = tensors.read(json.at("weight"), weight_shape);
    if (conv.quantized)
      for (float& weight : conv.weight) weight = scaled(json, weight, in.scale);
  }
  conv.bias = tensors.read(json.at("bias"), {out_channels});
  conv.output = parser.write_floats_or_quantized(json, static_cast<int>(out_channels), in.level);
  if (conv.adds()) {
    conv.check_sum(json, parser);
    conv.same_steps = conv.quantized && parser.value(conv.add).scale == in.scale;
  }
  return conv;
}

}  // namespace dim::cpu
