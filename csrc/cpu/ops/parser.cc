#include "cpu/ops/parser.h"

#include <utility>

#include "base/error.h"

namespace dim::cpu {

void Parser::fail(const Json& json, const std::string& problem) { throw PlanError(json.path() + ": " + problem); }

int Parser::read(const Json& name, Element element) {
  const auto it = ids_.find(name.string());
  if (it == ids_.end()) fail(name, "'" + name.string() + "' is read before it is computed");
  if (value(it->second).element != element)
    fail(name, "'" + name.string() +
                   (element == Element::argmax_code ? "' does not hold argmax codes" : "' holds argmax codes"));
  is_read_[static_cast<std::size_t>(it->second)] = true;
  return it->second;
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

std::vector<Value> Parser::take_values(const Json& program) {
  for (std::size_t id = 0; id < is_read_.size(); ++id)
    if (!is_read_[id])
      throw PlanError(program.path() + ".ops: '" + values_[id].name + "' is computed, and nothing reads it");
  return std::move(values_);
}

}  // namespace dim::cpu
