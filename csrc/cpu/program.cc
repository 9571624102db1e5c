#include "cpu/program.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "cpu/tensors.h"

namespace dim::cpu {
namespace {

constexpr int kMaxKernel = 7;

class Parser {
 public:
  Parser(const Tensors& tensors, int stride) : tensors_(tensors), stride_(stride) {}

  /// An operation by its name in plans, and what reads the rest of it.
  struct Kind {
    const char* name;
    OpKind kind;
    void (Parser::*parse)(const Json& json, Op& op);
  };
  static const Kind kKinds[8];  // input is the first

  Program parse(const Json& json) {
    for (const Json& op : json.at("ops").array()) parse_op(op);
    if (program_.ops.empty() || program_.ops.back().kind != OpKind::output)
      throw PlanError(json.path() + ".ops: expected 'output' as the last operation");
    for (std::size_t id = 0; id < is_read_.size(); ++id)
      if (!is_read_[id])
        throw PlanError(json.path() + ".ops: '" + program_.values[id].name + "' is computed, and nothing reads it");
    return std::move(program_);
  }

 private:
  [[noreturn]] static void fail(const Json& op, const std::string& problem) {
    throw PlanError(op.path() + ": " + problem);
  }

  const Value& value(int id) const { return program_.values[static_cast<std::size_t>(id)]; }

  int read(const Json& json, bool codes = false) {
    const auto it = ids_.find(json.string());
    if (it == ids_.end()) fail(json, "'" + json.string() + "' is read before it is computed");
    if (value(it->second).is_codes != codes)
      fail(json, "'" + json.string() + (codes ? "' does not hold argmax codes" : "' holds argmax codes"));
    is_read_[static_cast<std::size_t>(it->second)] = true;
    return it->second;
  }

  int write(const Json& json, int channels, int level, bool codes = false) {
    const int id = static_cast<int>(program_.values.size());
    if (!ids_.emplace(json.string(), id).second) fail(json, "'" + json.string() + "' is computed twice");
    program_.values.push_back({json.string(), channels, level, codes});
    is_read_.push_back(codes);  // nobody needs to unpool
    return id;
  }

  void require_single_channel(const Json& op, int id) const {
    if (value(id).channels != 1) fail(op, "expected one channel, got " + std::to_string(value(id).channels));
  }

  void parse_op(const Json& json) {
    const std::string& name = json.at("op").string();
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return name == k.name; });
    const bool first = program_.ops.empty();
    if ((name == kKinds[0].name) != first) fail(json, "expected 'input' as the first operation and nowhere else");
    if (!first && program_.ops.back().kind == OpKind::output) fail(json, "no operation may follow 'output'");
    Op op;
    op.name = json.has("name") ? json.at("name").string() : name;
    if (kind == std::end(kKinds)) fail(json, "unknown operation '" + name + "'; upgrade dim_trt or rebuild the plan");
    op.kind = kind->kind;
    (this->*kind->parse)(json, op);
    program_.ops.push_back(std::move(op));
  }

  void parse_input(const Json& json, Op& op) {
    op.output = write(json.at("output"), static_cast<int>(json.at("channels").integer(4, 4)), 0);
  }

  void parse_max_pool(const Json& json, Op& op) {
    op.input = read(json.at("input"));
    const Value in = value(op.input);
    if (stride_ % (2 << in.level) != 0) fail(json, "pools more often than the padded size can be halved");
    op.output = write(json.at("output"), in.channels, in.level + 1);
    op.codes = write(json.at("codes"), in.channels, in.level + 1, true);
  }

  void parse_concat(const Json& json, Op& op) {
    int channels = 0;
    int level = kNone;
    for (const Json& part : json.at("inputs").array()) {
      ChannelRange range;
      range.value = read(part.at("value"));
      const Value& in = value(range.value);
      range.first = static_cast<int>(part.at("first").integer(0, in.channels - 1));
      range.count = static_cast<int>(part.at("count").integer(1, in.channels - range.first));
      if (level != kNone && level != in.level) fail(part, "the inputs have different sizes");
      level = in.level;
      channels += range.count;
      op.ranges.push_back(range);
    }
    if (channels != 4) fail(json, "expected 4 channels, got " + std::to_string(channels));
    op.output = write(json.at("output"), channels, level);
  }

  void parse_pointwise(const Json& json, Op& op) {
    op.input = read(json.at("input"));
    require_single_channel(json, op.input);
    const int level = value(op.input).level;
    if (op.kind == OpKind::add) {
      op.other = read(json.at("other"));
      require_single_channel(json, op.other);
      if (value(op.other).level != level) fail(json, "the inputs have different sizes");
    }
    if (op.kind != OpKind::output)
      op.output = write(json.at("output"), 1, level);
    else if (level != 0)
      fail(json, "expected a map of the input's size");
  }

  void parse_conv(const Json& json, Op& op) {
    op.input = read(json.at("input"));
    Value in = value(op.input);
    op.kernel = static_cast<int>(json.at("kernel").integer(1, kMaxKernel));
    if (op.kernel % 2 == 0) fail(json, "expected an odd kernel, got " + std::to_string(op.kernel));
    op.relu = json.at("relu").boolean();
    if (!json.at("codes").is_null()) {
      op.codes = read(json.at("codes"), true);
      const Value& codes = value(op.codes);
      if (codes.channels != in.channels || codes.level != in.level)
        fail(json, "'" + codes.name + "' does not fit '" + in.name + "'");
      --in.level;
    }
    if (!json.at("add").is_null()) {
      op.other = read(json.at("add"));
      const Value& other = value(op.other);
      if (op.codes == kNone || other.channels != in.channels || other.level != in.level)
        fail(json, "'" + other.name + "' cannot be added to the unpooled '" + in.name + "'");
    }
    const auto& shape = json.at("weight").at("shape").array();
    if (shape.empty()) fail(json, "weight: expected 4 dimensions");
    const auto out_channels = static_cast<std::size_t>(shape[0].integer(1, kMaxChannels));
    const auto k = static_cast<std::size_t>(op.kernel);
    op.weight = tensors_.read(json.at("weight"), {out_channels, static_cast<std::size_t>(in.channels), k, k});
    op.bias = tensors_.read(json.at("bias"), {out_channels});
    op.output = write(json.at("output"), static_cast<int>(out_channels), in.level);
  }

  Tensors tensors_;
  int stride_;
  Program program_;
  std::map<std::string, int> ids_;
  std::vector<bool> is_read_;  // by value
};

const Parser::Kind Parser::kKinds[8] = {
    {"input", OpKind::input, &Parser::parse_input},
    {"conv", OpKind::conv, &Parser::parse_conv},
    {"max_pool_argmax", OpKind::max_pool_argmax, &Parser::parse_max_pool},
    {"concat", OpKind::concat, &Parser::parse_concat},
    {"sigmoid", OpKind::sigmoid, &Parser::parse_pointwise},
    {"clip", OpKind::clip, &Parser::parse_pointwise},
    {"add", OpKind::add, &Parser::parse_pointwise},
    {"output", OpKind::output, &Parser::parse_pointwise},
};

}  // namespace

std::vector<std::string> operations() {
  std::vector<std::string> names;
  for (const Parser::Kind& kind : Parser::kKinds) names.emplace_back(kind.name);
  return names;
}

Program parse_program(const std::uint8_t* payload, std::size_t bytes, int stride) {
  const char* incomplete = "plan: the payload is incomplete";
  if (bytes < 4) throw PlanError(incomplete);
  const std::size_t length = std::size_t{payload[0]} | std::size_t{payload[1]} << 8 | std::size_t{payload[2]} << 16 |
                             std::size_t{payload[3]} << 24;
  if (length > bytes - 4) throw PlanError(incomplete);
  const std::size_t tensors = (4 + length + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  if (tensors > bytes) throw PlanError(incomplete);
  const Json json = Json::parse({reinterpret_cast<const char*>(payload) + 4, length}, "program");
  return Parser(Tensors(payload + tensors, bytes - tensors), stride).parse(json);
}

}  // namespace dim::cpu
