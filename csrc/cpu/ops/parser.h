// What the operations' parsers share: the values so far, the tensors, and errors that say where.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "cpu/ops/tensors.h"
#include "cpu/ops/value.h"

namespace dim::cpu {

class Parser {
 public:
  /// `stride`: what the padded size is a multiple of.
  Parser(const Tensors& tensors, int stride) : tensors_(tensors), stride_(stride) {}

  /// Throws PlanError.
  [[noreturn]] static void fail(const Json& json, const std::string& problem);

  /// The value that `name` names; fails unless it is computed before and holds these elements.
  int read(const Json& name, Element element = Element::float32);
  /// The same for what takes floats and quantized values.
  int read_floats_or_quantized(const Json& name);
  /// The same for what only takes values of one channel; `op` is in the message.
  int read_single_channel(const Json& op, const char* key);
  /// A new value.
  int write(const Json& name, int channels, int level, Element element = Element::float32);
  /// The same for what can quantize its result: where `op` has a scale, it does.
  int write_floats_or_quantized(const Json& op, int channels, int level);

  const Value& value(int id) const { return values_[static_cast<std::size_t>(id)]; }
  const Tensors& tensors() const { return tensors_; }
  int stride() const { return stride_; }

  /// All values; fails when one is never read.
  std::vector<Value> take_values(const Json& program);

 private:
  int mark_read(const Json& name, bool (*takes)(Element), const char* taken);

  Tensors tensors_;
  int stride_;
  std::vector<Value> values_;
  std::map<std::string, int> ids_;
  std::vector<bool> is_read_;  // by value
};

}  // namespace dim::cpu
