#include "cpu/program.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "core/receptive_field.h"
#include "cpu/ops/tensors.h"

namespace dim::cpu {
namespace {

Program parse(const Json& json, Parser& parser) {
  Program program;
  const auto has_output = [&] {
    return !program.ops.empty() && std::holds_alternative<Output>(program.ops.back().operation);
  };
  for (const Json& op : json.at("ops").array()) {
    const std::string& kind = op.at("op").string();
    if ((kind == Input::kName) != program.ops.empty())
      Parser::fail(op, "expected 'input' as the first operation and nowhere else");
    if (has_output()) Parser::fail(op, "no operation may follow 'output'");
    const std::string name = op.has("name") ? op.at("name").string() : kind;
    Op parsed = {name, parse_operation(op, parser), {}, {}};
    parsed.reads = reads_of(parsed.operation), parsed.writes = writes_of(parsed.operation);
    program.ops.push_back(std::move(parsed));
  }
  if (!has_output()) throw PlanError(json.path() + ".ops: expected 'output' as the last operation");
  program.values = parser.take_values(json);
  return program;
}

}  // namespace

Program parse_program(const std::uint8_t* payload, std::size_t bytes, int stride) {
  const char* incomplete = "plan: the payload is incomplete";
  if (bytes < 4) throw PlanError(incomplete);
  const std::size_t length = std::size_t{payload[0]} | std::size_t{payload[1]} << 8 | std::size_t{payload[2]} << 16 |
                             std::size_t{payload[3]} << 24;
  if (length > bytes - 4) throw PlanError(incomplete);
  const std::size_t tensors = (4 + length + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  if (tensors > bytes) throw PlanError(incomplete);
  const Json json = Json::parse({reinterpret_cast<const char*>(payload) + 4, length}, "program");
  Parser parser(Tensors(payload + tensors, bytes - tensors), stride);
  return parse(json, parser);
}

int halo_px(const Program& program) {
  std::vector<Dependence> dependences;
  int period = 1;  // of the poolings' alignment
  for (const Value& value : program.values) period = std::max(period, 1 << value.level);
  for (const Op& op : program.ops)
    for (const Write& write : op.writes)
      for (const Read& read : op.reads) dependences.push_back({read.value, write.value, read.reach});
  return dim::halo_px(dependences, input_of(program), output_of(program), period);
}

}  // namespace dim::cpu
