#include "cpu/receptive_field.h"

#include <algorithm>
#include <vector>

namespace dim::cpu {
namespace {

/// Positions first..last along height or width, the same for both; none when first > last.
struct Reads {
  int first = 1 << 30, last = -1;

  bool none() const { return first > last; }
  void add(const Reads& other) { first = std::min(first, other.first), last = std::max(last, other.last); }
};

int half_down(int position) { return position >= 0 ? position / 2 : -((1 - position) / 2); }

/// The positions of the input that the output at `position` depends on, without regard to borders.
Reads receptive_field(const Program& program, int position) {
  std::vector<Reads> needed(program.values.size());  // by value
  const auto of = [&](int id) -> Reads& { return needed[static_cast<std::size_t>(id)]; };
  const auto add = [&](int id, const Reads& reads) {
    if (id != kNone) of(id).add(reads);
  };
  for (auto op = program.ops.rbegin(); op != program.ops.rend(); ++op) {
    Reads out = op->kind == OpKind::output ? Reads{position, position} : of(op->output);
    if (op->kind == OpKind::max_pool_argmax) out.add(of(op->codes));
    if (out.none() || op->kind == OpKind::input) continue;
    if (op->kind == OpKind::max_pool_argmax) {
      of(op->input).add({2 * out.first, 2 * out.last + 1});
      continue;
    }
    if (op->kind == OpKind::conv) out = {out.first - op->kernel / 2, out.last + op->kernel / 2};
    for (const ChannelRange& range : op->ranges) add(range.value, out);
    add(op->other, out);
    if (op->codes != kNone) out = {half_down(out.first), half_down(out.last)};
    add(op->codes, out);
    add(op->input, out);
  }
  return of(program.ops.front().output);
}

}  // namespace

int halo_px(const Program& program) {
  int period = 1;  // of the poolings' alignment
  for (const Value& value : program.values) period = std::max(period, 1 << value.level);
  int halo = 0;
  for (int position = 0; position < period; ++position) {
    const Reads reads = receptive_field(program, position);
    if (!reads.none()) halo = std::max({halo, position - reads.first, reads.last - position});
  }
  return halo;
}

}  // namespace dim::cpu
