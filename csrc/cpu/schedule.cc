#include "cpu/schedule.h"

#include <algorithm>

#include "base/error.h"
#include "cpu/layers/unpool_conv.h"
#include "cpu/layers/winograd_conv.h"

namespace dim::cpu {
namespace {

std::size_t index(int id) { return static_cast<std::size_t>(id); }

bool is_conv(const Op& op) { return op.kind == OpKind::conv; }

std::vector<int> values_read(const Op& op) {
  std::vector<int> ids;
  for (const int id : {op.input, op.other, is_conv(op) ? op.codes : kNone})
    if (id != kNone) ids.push_back(id);
  for (const ChannelRange& range : op.ranges) ids.push_back(range.value);
  return ids;
}

/// For every value the operation that computes it.
std::vector<int> producers(const Program& program) {
  std::vector<int> by_value(program.values.size(), kNone);
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    if (op.output != kNone) by_value[index(op.output)] = static_cast<int>(i);
    if (op.kind == OpKind::max_pool_argmax) by_value[index(op.codes)] = static_cast<int>(i);
  }
  return by_value;
}

/// The steps, each pooling fused into the convolution whose result it reads.
std::vector<Step> fuse_pooling(const Program& program) {
  const std::vector<int> producer = producers(program);
  std::vector<int> step_of(program.ops.size(), kNone);
  std::vector<Step> steps;
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    if (op.kind != OpKind::max_pool_argmax) {
      step_of[i] = static_cast<int>(steps.size());
      steps.push_back({static_cast<int>(i), kNone});
      continue;
    }
    const int conv = producer[index(op.input)];
    if (!is_conv(program.ops[index(conv)]) || program.ops[index(conv)].codes != kNone ||
        steps[index(step_of[index(conv)])].pool != kNone)
      throw PlanError("program: '" + op.name + "' must pool the result of a plain convolution, and once only");
    steps[index(step_of[index(conv)])].pool = static_cast<int>(i);
  }
  return steps;
}

/// Marks the steps that a pooling depends on.
void find_pooled_later(const Program& program, std::vector<Step>& steps) {
  std::vector<bool> pooled(program.values.size(), false);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const Op& op = program.ops[index(step->op)];
    step->pooled_later = step->pool != kNone || (op.output != kNone && pooled[index(op.output)]);
    if (!step->pooled_later) continue;
    for (const int id : values_read(op)) pooled[index(id)] = true;
  }
}

void lay_out(const Program& program, Schedule& schedule) {
  std::vector<Storage>& storage = schedule.storage;
  for (const Op& op : program.ops) {
    if (op.output == kNone) continue;
    const bool four = op.kind == OpKind::input || op.kind == OpKind::concat;
    const bool blocks = op.kind == OpKind::conv || op.kind == OpKind::max_pool_argmax;
    storage[index(op.output)].lanes = four ? 4 : blocks ? kLanes : 1;
  }
  std::vector<bool> read_by_blocks(program.values.size(), false), read(program.values.size(), false);
  for (const Op& op : program.ops) {
    const bool pool = op.kind == OpKind::max_pool_argmax;
    for (const int id : values_read(op)) {
      if (!pool) read[index(id)] = true;
      if (pool || is_conv(op)) read_by_blocks[index(id)] = true;
    }
    if (!is_conv(op)) continue;
    const auto widen = [&](int id, int border) {
      if (id != kNone) storage[index(id)].border = std::max(storage[index(id)].border, border);
    };
    widen(op.codes == kNone ? op.input : op.other, WinogradConv::border(op.kernel));
    if (op.codes != kNone) {  // windows of cells
      widen(op.input, unpool_reach(op.kernel));
      widen(op.codes, unpool_reach(op.kernel));
    }
    if (storage[index(op.input)].lanes == 1 || (op.codes != kNone && storage[index(op.input)].lanes != kLanes) ||
        (op.other != kNone && storage[index(op.other)].lanes != kLanes))
      throw PlanError("program: '" + op.name + "' cannot read '" + program.values[index(op.input)].name + "'");
  }
  for (const Op& op : program.ops) {
    if (op.kind == OpKind::max_pool_argmax) continue;
    const bool head = is_conv(op) && program.values[index(op.output)].channels == 1 && op.codes == kNone &&
                      storage[index(op.input)].lanes == kLanes && !read_by_blocks[index(op.output)];
    if (head) storage[index(op.output)].lanes = 1;
    if (is_conv(op)) storage[index(op.output)].stored = read[index(op.output)];
  }
}

/// Links a convolution to the next when that alone reads its result, at the same size.
void find_strips(const Program& program, Schedule& schedule) {
  std::vector<int> readers(program.values.size(), 0);
  for (const Op& op : program.ops)
    for (const int id : values_read(op)) ++readers[index(id)];
  std::vector<Step>& steps = schedule.steps;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    steps[s].first = steps[s].last = static_cast<int>(s);
    if (s == 0) continue;
    const Op& op = program.ops[index(steps[s].op)];
    const Op& before = program.ops[index(steps[s - 1].op)];
    if (!is_conv(op) || op.codes != kNone || !is_conv(before) || steps[s - 1].pool != kNone ||
        op.input != before.output || readers[index(op.input)] != 1)
      continue;
    schedule.storage[index(op.input)].strips = true;
    steps[s].first = steps[s - 1].first;
    for (std::size_t k = index(steps[s].first); k < s; ++k) steps[k].last = static_cast<int>(s);
  }
}

/// Interleaved steps keep what any of them touches alive from the first to the last.
void find_lifetimes(const Program& program, Schedule& schedule) {
  for (std::size_t s = 0; s < schedule.steps.size(); ++s) {
    const Step& step = schedule.steps[s];
    for (const int op_id : {step.op, step.pool}) {
      if (op_id == kNone) continue;
      const Op& op = program.ops[index(op_id)];
      for (const int id : values_read(op)) schedule.storage[index(id)].last_step = step.last;
      for (const int id : {op.output, op.kind == OpKind::max_pool_argmax ? op.codes : kNone})
        if (id != kNone) {
          schedule.storage[index(id)].first_step = step.first;
          schedule.storage[index(id)].last_step = step.last;
        }
    }
  }
}

}  // namespace

Schedule make_schedule(const Program& program) {
  Schedule schedule;
  schedule.storage.resize(program.values.size());
  schedule.steps = fuse_pooling(program);
  find_pooled_later(program, schedule.steps);
  lay_out(program, schedule);
  find_strips(program, schedule);
  find_lifetimes(program, schedule);
  return schedule;
}

MapLayout layout_of(const Program& program, const Schedule& schedule, int id, Size padded) {
  const Value& value = program.values[index(id)];
  const Storage& storage = schedule.storage[index(id)];
  return whole_map({padded.height >> value.level, padded.width >> value.level}, value.channels, storage.lanes,
                   storage.border);
}

}  // namespace dim::cpu
