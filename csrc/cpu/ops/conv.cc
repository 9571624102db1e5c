#include "cpu/ops/conv.h"

namespace dim::cpu {

Conv Conv::parse(const Json& json, Parser& parser) {
  Conv conv;
  conv.input = parser.read(json.at("input"));
  Value in = parser.value(conv.input);
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
    conv.add = parser.read(json.at("add"));
    const Value& add = parser.value(conv.add);
    if (!conv.unpools() || add.channels != in.channels || add.level != in.level)
      Parser::fail(json, "'" + add.name + "' cannot be added to the unpooled '" + in.name + "'");
  }
  const auto& shape = json.at("weight").at("shape").array();
  if (shape.empty()) Parser::fail(json, "weight: expected 4 dimensions");
  const auto out_channels = static_cast<std::size_t>(shape[0].integer(1, kMaxChannels));
  const auto k = static_cast<std::size_t>(conv.kernel);
  const Tensors& tensors = parser.tensors();
  conv.weight = tensors.read(json.at("weight"), {out_channels, static_cast<std::size_t>(in.channels), k, k});
  conv.bias = tensors.read(json.at("bias"), {out_channels});
  conv.output = parser.write(json.at("output"), static_cast<int>(out_channels), in.level);
  return conv;
}

}  // namespace dim::cpu
