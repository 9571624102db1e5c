#include "cpu/ops/parser.h"

#include <cmath>
#include <utility>

#include "base/error.h"

namespace dim::cpu {
namespace {

constexpr const char* kHolds[] = {"float32", "argmax codes", "quantized values"};  // by Element

}  // namespace

void Parser::fail(const Json& json, const std::string& problem) { throw PlanError(json.path() + ": " + problem); }

int Parser::mark_read(const Json& name, bool (*takes)(Element), const char* taken) {
  const auto it = ids_.find(name.string());
  if (it == ids_.end()) fail(name, "'" + name.string() + "' is read before it is computed");
  const Element element = value(it->second).element;
  if (!takes(element))
    fail(name, "'" + name.string() + "' holds " + kHolds[static_cast<int>(element)] + "; expected " + taken);
  is_read_[static_cast<std::size_t>(it->second)] = true;
  return it->second;
}

int Parser::read(const Json& name, Element element) {
  if (element == Element::argmax_code)
    return mark_read(name, [](Element e) { return e == Element::argmax_code; }, "argmax codes");
  return mark_read(name, [](Element e) { return e == Element::float32; }, "float32");
}

int Parser::read_floats_or_quantized(const Json& name) {
  return mark_read(name, [](Element e) { return e != Element::argmax_code; }, "float32 or quantized values");
}

int Parser::read_single_channel(const Json& op, const char* key) {
  const int id = read(op.at(key));
  if (value(id).channels != 1) fail(op, "expected one channel, got " + std::to_string(value(id).channels));
  return id;
}

int Parser::write(const Json& name, int channels, int level, Element element) {
  const int id = static_cast<int>(values_.size());
  if (!ids_.emplace(name.string(), id).second) fail(name, "'" + name.string() + "' is computed twice");
  values_.push_back({name.string(), channels, level, element});
  is_read_.push_back(element == Element::argmax_code);  // nobody needs to unpool
  return id;
}

int Parser::write_floats_or_quantized(const Json& op, int channels, int level) {
  if (!op.has("scale") || op.at("scale").is_null()) return write(op.at("output"), channels, level);
  const auto scale = static_cast<float>(op.at("scale").number());
  if (!(std::isnormal(scale) && scale > 0.0f && std::isnormal(1.0f / scale)))
    fail(op.at("scale"), "expected a number above 0 that float32 can hold, and divide by");
  const int id = write(op.at("output"), channels, level, Element::quantized);
  values_.back().scale = scale;
  return id;
}

std::vector<Value> Parser::take_values(const Json& program) {
  for (std::size_t id = 0; id < is_read_.size(); ++id)
    if (!is_read_[id])
      throw PlanError(program.path() + ".ops: '" + values_[id].name + "' is computed, and nothing reads it");
  return std::move(values_);
}

}  // namespace dim::cpu
