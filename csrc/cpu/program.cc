#include "cpu/program.h"

#include <cmath>
#include <cstring>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace dim::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kMaxChannels = 1 << 14;
constexpr int kMaxKernel = 7;

float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const auto mantissa = static_cast<float>(half & 1023);
  float magnitude;
  if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else if (exponent == 31)
    magnitude = mantissa == 0.0f ? INFINITY : NAN;
  else
    magnitude = std::ldexp(mantissa + 1024.0f, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

class Parser {
 public:
  Parser(const std::uint8_t* tensors, std::size_t bytes, int stride)
      : tensors_(tensors), bytes_(bytes), stride_(stride) {}

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
    const std::string& kind = json.at("op").string();
    const bool first = program_.ops.empty();
    if ((kind == "input") != first) fail(json, "expected 'input' as the first operation and nowhere else");
    if (!first && program_.ops.back().kind == OpKind::output) fail(json, "no operation may follow 'output'");
    Op op;
    op.name = json.has("name") ? json.at("name").string() : kind;
    if (kind == "input") {
      op.kind = OpKind::input;
      op.output = write(json.at("output"), static_cast<int>(json.at("channels").integer(4, 4)), 0);
    } else if (kind == "conv") {
      parse_conv(json, op);
    } else if (kind == "max_pool_argmax") {
      parse_max_pool(json, op);
    } else if (kind == "concat") {
      parse_concat(json, op);
    } else if (kind == "sigmoid" || kind == "clip" || kind == "add" || kind == "output") {
      parse_pointwise(json, kind, op);
    } else {
      fail(json, "unknown operation '" + kind + "'; upgrade dim_trt or rebuild the plan");
    }
    program_.ops.push_back(std::move(op));
  }

  void parse_max_pool(const Json& json, Op& op) {
    op.kind = OpKind::max_pool_argmax;
    op.input = read(json.at("input"));
    const Value in = value(op.input);
    if (stride_ % (2 << in.level) != 0) fail(json, "pools more often than the padded size can be halved");
    op.output = write(json.at("output"), in.channels, in.level + 1);
    op.codes = write(json.at("codes"), in.channels, in.level + 1, true);
  }

  void parse_concat(const Json& json, Op& op) {
    op.kind = OpKind::concat;
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

  void parse_pointwise(const Json& json, const std::string& kind, Op& op) {
    op.kind = kind == "sigmoid" ? OpKind::sigmoid
              : kind == "clip"  ? OpKind::clip
              : kind == "add"   ? OpKind::add
                                : OpKind::output;
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
    op.kind = OpKind::conv;
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
    op.weight = tensor(json.at("weight"), {out_channels, static_cast<std::size_t>(in.channels), k, k});
    op.bias = tensor(json.at("bias"), {out_channels});
    op.output = write(json.at("output"), static_cast<int>(out_channels), in.level);
  }

  const std::uint8_t* bytes_at(const Json& offset_json, std::size_t count, std::size_t width) const {
    const auto offset = static_cast<std::size_t>(offset_json.integer(0, std::int64_t{1} << 40));
    if (offset % kAlignment != 0) fail(offset_json, "expected a multiple of " + std::to_string(kAlignment));
    if (offset > bytes_ || count > (bytes_ - offset) / width) fail(offset_json, "the tensor lies outside the file");
    return tensors_ + offset;
  }

  static std::vector<float> floats(const std::uint8_t* data, std::size_t count) {
    std::vector<float> out(count);
    std::memcpy(out.data(), data, count * sizeof(float));
    return out;
  }

  std::vector<float> tensor(const Json& json, const std::vector<std::size_t>& expected) const {
    std::vector<float> values = stored_tensor(json, expected);
    for (const float value : values)
      if (!std::isfinite(value)) fail(json, "the tensor holds NaN or infinity; rebuild the plan from sound weights");
    return values;
  }

  std::vector<float> stored_tensor(const Json& json, const std::vector<std::size_t>& expected) const {
    const auto& shape = json.at("shape").array();
    if (shape.size() != expected.size())
      fail(json, "expected " + std::to_string(expected.size()) + " dimensions, got " + std::to_string(shape.size()));
    std::size_t count = 1;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (static_cast<std::size_t>(shape[i].integer(1, kMaxChannels)) != expected[i])
        fail(json, "dimension " + std::to_string(i) + ": expected " + std::to_string(expected[i]));
      count *= expected[i];
    }
    const std::string& dtype = json.at("dtype").string();
    if (dtype == "float32") return floats(bytes_at(json.at("offset"), count, 4), count);
    std::vector<float> out(count);
    if (dtype == "float16") {
      const std::uint8_t* data = bytes_at(json.at("offset"), count, 2);
      for (std::size_t i = 0; i < count; ++i)
        out[i] = half_to_float(static_cast<std::uint16_t>(data[2 * i] | data[2 * i + 1] << 8));
    } else if (dtype == "int8") {
      const std::uint8_t* data = bytes_at(json.at("offset"), count, 1);
      const std::vector<float> scale = floats(bytes_at(json.at("scale_offset"), expected[0], 4), expected[0]);
      const std::size_t per_channel = count / expected[0];
      for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(static_cast<std::int8_t>(data[i])) * scale[i / per_channel];
    } else {
      fail(json, "unknown dtype '" + dtype + "'; upgrade dim_trt or rebuild the plan");
    }
    return out;
  }

  const std::uint8_t* tensors_;
  std::size_t bytes_;
  int stride_;
  Program program_;
  std::map<std::string, int> ids_;
  std::vector<bool> is_read_;  // by value
};

}  // namespace

Program parse_program(const std::uint8_t* payload, std::size_t bytes, int stride) {
  const char* incomplete = "plan: the payload is incomplete";
  if (bytes < 4) throw PlanError(incomplete);
  const std::size_t length = std::size_t{payload[0]} | std::size_t{payload[1]} << 8 | std::size_t{payload[2]} << 16 |
                             std::size_t{payload[3]} << 24;
  if (length > bytes - 4) throw PlanError(incomplete);
  const std::size_t tensors = (4 + length + kAlignment - 1) / kAlignment * kAlignment;
  if (tensors > bytes) throw PlanError(incomplete);
  const Json json = Json::parse({reinterpret_cast<const char*>(payload) + 4, length}, "program");
  return Parser(payload + tensors, bytes - tensors, stride).parse(json);
}

}  // namespace dim::cpu
