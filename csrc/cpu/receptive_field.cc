#include "cpu/receptive_field.h"

#include <algorithm>
#include <vector>

namespace dim::cpu {
namespace {

/// Positions first..last along height or width, the same for both; none when first > last.
struct Positions {
  int first = 1 << 30, last = -1;

  bool none() const { return first > last; }
  void add(const Positions& other) { first = std::min(first, other.first), last = std::max(last, other.last); }
};

/// The positions of the input that the output at `position` depends on, without regard to borders.
Positions receptive_field(const Program& program, int position) {
  std::vector<Positions> needed(program.values.size());  // by value
  const auto of = [&](int id) -> Positions& { return needed[static_cast<std::size_t>(id)]; };
  for (auto op = program.ops.rbegin(); op != program.ops.rend(); ++op) {
    Positions out;
    if (std::holds_alternative<Output>(op->operation)) out = {position, position};
    for (const Write& write : writes_of(op->operation)) out.add(of(write.value));
    if (out.none()) continue;
    for (const Read& read : reads_of(op->operation))
      if (read.reach.between_corners)
        of(read.value).add({position - kWholePicture, position + kWholePicture});
      else
        of(read.value).add({read.reach.first(out.first), read.reach.last(out.last)});
  }
  return of(std::get<Input>(program.ops.front().operation).output);
}

}  // namespace

int halo_px(const Program& program) {
  int period = 1;  // of the poolings' alignment
  for (const Value& value : program.values) period = std::max(period, 1 << value.level);
  int halo = 0;
  for (int position = 0; position < period; ++position) {
    const Positions reads = receptive_field(program, position);
    if (!reads.none()) halo = std::max({halo, position - reads.first, reads.last - position});
  }
  return std::min(halo, kWholePicture);
}

}  // namespace dim::cpu
