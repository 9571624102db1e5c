#include "cpu/schedule.h"

#include <algorithm>

#include "base/error.h"

namespace dim::cpu {
namespace {

std::size_t index(int id) { return static_cast<std::size_t>(id); }

/// Makes a schedule, part by part.
class Scheduler {
 public:
  explicit Scheduler(const Program& program) : program_(program) { schedule_.storage.resize(program.values.size()); }

  Schedule make() {
    fuse_poolings();
    find_pooled_later();
    choose_lanes();
    find_strips();
    find_lifetimes();
    return std::move(schedule_);
  }

 private:
  const Conv* conv_of(const Step& step) const { return std::get_if<Conv>(&program_.ops[index(step.op)].operation); }
  Storage& storage(int value) { return schedule_.storage[index(value)]; }

  /// The steps, each pooling fused into the convolution whose result it reads.
  void fuse_poolings() {
    std::vector<int> step_of(program_.values.size(), kNone);  // that computes the value
    std::vector<Step>& steps = schedule_.steps;
    for (std::size_t i = 0; i < program_.ops.size(); ++i) {
      const std::vector<Write>& writes = program_.ops[i].writes;
      if (runs(program_.ops[i].operation) == Runs::with_conv) {
        fuse(static_cast<int>(i), step_of);
        continue;
      }
      Step step;
      step.op = static_cast<int>(i);
      if (!writes.empty()) step.output = writes.front().value;
      for (const Write& write : writes) step_of[index(write.value)] = static_cast<int>(steps.size());
      steps.push_back(step);
    }
  }

  void fuse(int op, const std::vector<int>& step_of) {
    const int before = step_of[index(program_.ops[index(op)].reads.front().value)];
    Step* const step = before == kNone ? nullptr : &schedule_.steps[index(before)];
    const Conv* const conv = step == nullptr ? nullptr : conv_of(*step);
    if (conv == nullptr || conv->unpools() || step->pool != kNone)
      throw PlanError("program: '" + program_.ops[index(op)].name +
                      "' must pool the result of a plain convolution, and once only");
    step->pool = op;
  }

  /// Marks the steps that a pooling depends on.
  void find_pooled_later() {
    std::vector<bool> pooled(program_.values.size(), false);
    for (auto step = schedule_.steps.rbegin(); step != schedule_.steps.rend(); ++step) {
      step->pooled_later = step->pool != kNone || (step->output != kNone && pooled[index(step->output)]);
      if (!step->pooled_later) continue;
      for (const Read& read : program_.ops[index(step->op)].reads) pooled[index(read.value)] = true;
    }
  }

  /// Every value as its writer gives it; a single channel without blocks where all that reads it can.
  void choose_lanes() {
    std::vector<int> readable(program_.values.size(), kAnyLanes);  // lanes, by value
    std::vector<bool> from_memory(program_.values.size(), false);
    for (std::size_t i = program_.ops.size(); i-- > 0;) {
      const Op& op = program_.ops[i];
      int kept = kAnyLanes;
      for (const Write& write : op.writes)
        if (write.lanes == kLanesOfInput) kept &= readable[index(write.value)];
      for (const Read& read : op.reads) {
        readable[index(read.value)] &= read.lanes & kept;
        if (!read.while_computed) from_memory[index(read.value)] = true;
        storage(read.value).border = std::max(storage(read.value).border, read.border);
      }
    }
    for (const Op& op : program_.ops) {
      for (const Read& read : op.reads)
        if ((storage(read.value).lanes & read.lanes) == 0)
          throw PlanError("program: '" + op.name + "' cannot read '" + program_.values[index(read.value)].name + "'");
      for (const Write& write : op.writes) {
        const Value& value = program_.values[index(write.value)];
        const bool single = value.channels == 1 && value.element != Element::quantized && write.single_from != 0 &&
                            storage(op.reads.front().value).lanes == write.single_from &&
                            (readable[index(write.value)] & kSingleLane) != 0;
        storage(write.value).lanes = single                         ? kSingleLane
                                     : write.lanes == kLanesOfInput ? storage(op.reads.front().value).lanes
                                                                    : write.lanes;
        storage(write.value).stored = !write.may_be_dropped || from_memory[index(write.value)];
      }
    }
  }

  /// Links a convolution to the next when that alone reads its result, at the same size.
  void find_strips() {
    std::vector<int> readers(program_.values.size(), 0);
    for (const Op& op : program_.ops)
      for (const Read& read : op.reads) ++readers[index(read.value)];
    std::vector<Step>& steps = schedule_.steps;
    for (std::size_t s = 0; s < steps.size(); ++s) {
      steps[s].first = steps[s].last = static_cast<int>(s);
      if (s == 0) continue;
      const Conv* const conv = conv_of(steps[s]);
      if (conv == nullptr || conv->unpools() || conv_of(steps[s - 1]) == nullptr || steps[s - 1].pool != kNone ||
          conv->input != steps[s - 1].output || readers[index(conv->input)] != 1)
        continue;
      steps[s].first = steps[s - 1].first;
      for (std::size_t k = index(steps[s].first); k < s; ++k) steps[k].last = static_cast<int>(s);
    }
  }

  /// Interleaved steps keep what any of them touches alive from the first to the last.
  void find_lifetimes() {
    for (const Step& step : schedule_.steps)
      for (const int op : {step.op, step.pool}) {
        if (op == kNone) continue;
        for (const Read& read : program_.ops[index(op)].reads) storage(read.value).last_step = step.last;
        for (const Write& write : program_.ops[index(op)].writes) {
          storage(write.value).first_step = step.first;
          storage(write.value).last_step = step.last;
        }
      }
  }

  const Program& program_;
  Schedule schedule_;
};

}  // namespace

Schedule make_schedule(const Program& program) { return Scheduler(program).make(); }

const MaxPoolArgmax* pooling_of(const Program& program, const Step& step) {
  return step.pool == kNone ? nullptr : std::get_if<MaxPoolArgmax>(&program.ops[index(step.pool)].operation);
}

MapLayout layout_of(const Program& program, const Schedule& schedule, int id, Size padded) {
  const Value& value = program.values[index(id)];
  const Storage& storage = schedule.storage[index(id)];
  return whole_map({padded.height >> value.level, padded.width >> value.level}, value.channels, storage.lanes,
                   storage.border);
}

}  // namespace dim::cpu
