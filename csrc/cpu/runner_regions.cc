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

Size Runner::size_of(int value, Size picture) const {
  const int level = program_.values[at(value)].level;
  return {picture.height >> level, picture.width >> level};
}

/// Backwards from the unknown pixels: what a step must compute is what later steps read.
Runner::Regions Runner::find_regions(const Wanted& wanted, Size picture) const {
  const Size padded = dim::padded(picture, stride_);
  Regions regions;
  regions.needed.resize(program_.values.size());
  regions.step.resize(schedule_.steps.size());
  regions.patch.assign(schedule_.steps.size(), kPixel);
  std::vector<Region>& needed = regions.needed;
  regions.ends_at = reflect_ ? padded : picture;
  const auto read_from = [&](const Region& region, Size patch, const Read& read, int output) {
    const Size size = size_of(read.value, padded), from = size_of(read.value, regions.ends_at);
    const Size to = output == kNone ? from : size_of(output, regions.ends_at);
    return region.read_from(size, read.reach.repeats_borders ? from : size,
                            read.reach.on(from.height, to.height).of_patch(patch.height),
                            read.reach.on(from.width, to.width).of_patch(patch.width));
  };
  for (std::size_t s = schedule_.steps.size(); s-- > 0;) {
    const Step& step = schedule_.steps[s];
    const Op& op = program_.ops[at(step.op)];
    Region& region = regions.step[s];
    region = step.output == kNone ? Region::unknown(wanted.known, wanted.window, padded) : needed[at(step.output)];
    if (const MaxPoolArgmax* const pool = pooling_of(program_, step)) {
      Region& pooled = needed[at(pool->output)];
      add_need(pooled, needed[at(pool->codes)]);
      for (const Read& read : program_.ops[at(step.pool)].reads)
        add_need(region, read_from(pooled, kPixel, read, pool->output));
    }
    // The pixels of a patch share what they read: all that the patch reads is needed, or an unneeded pixel's garbage,
    // which cancels on paper, could still be NaN.
    Size& patch = regions.patch[s];
    if (convs_[s]) patch = convs_[s]->patch_for(region);
    region = region.in_patches(patch);
    for (const Read& read : op.reads) add_need(needed[at(read.value)], read_from(region, patch, read, step.output));
  }
  return regions;
}

}  // namespace dim::cpu
