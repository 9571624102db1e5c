// What each step of a run must compute.
#include "cpu/runner.h"

namespace dim::cpu {
namespace {

std::size_t at(int id) { return static_cast<std::size_t>(id); }

/// A region without size is that of a value nothing reads.
void add_need(Region& needed, const Region& more) {
  if (more.size() != Size{}) needed = needed.size() == Size{} ? more : needed.united(more);
}

}  // namespace

/// Backwards from the unknown pixels: what a step must compute is what later steps read.
Runner::Regions Runner::find_regions(const ByteView& known, const Window& wanted, Size padded) const {
  Regions regions;
  regions.needed.resize(program_.values.size());
  regions.step.resize(schedule_.steps.size());
  regions.patch.assign(schedule_.steps.size(), kPixel);
  std::vector<Region>& needed = regions.needed;
  const auto size_of = [&](int value) {
    const int level = program_.values[at(value)].level;
    return Size{padded.height >> level, padded.width >> level};
  };
  for (std::size_t s = schedule_.steps.size(); s-- > 0;) {
    const Step& step = schedule_.steps[s];
    const Op& op = program_.ops[at(step.op)];
    Region& region = regions.step[s];
    region = step.output == kNone ? Region::unknown(known, wanted, padded) : needed[at(step.output)];
    if (step.pool != kNone) {
      add_need(needed[at(step.pooled)], needed[at(step.pooled_codes)]);
      for (const Read& read : reads_of(program_.ops[at(step.pool)].operation))
        add_need(region, needed[at(step.pooled)].read_from(size_of(read.value), read.reach, read.reach));
    }
    // The pixels of a patch share what they read: all that the patch reads is needed, or an unneeded pixel's garbage,
    // which cancels on paper, could still be NaN.
    Size& patch = regions.patch[s];
    if (convs_[s]) patch = convs_[s]->patch_for(region);
    region = region.in_patches(patch);
    for (const Read& read : reads_of(op.operation))
      add_need(needed[at(read.value)], region.read_from(size_of(read.value), read.reach.of_patch(patch.height),
                                                        read.reach.of_patch(patch.width)));
  }
  return regions;
}

}  // namespace dim::cpu
