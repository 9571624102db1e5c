// What each step of a run must compute.
#include "cpu/runner.h"

namespace dim::cpu {
namespace {

constexpr std::size_t kMinWinogradPatches = 16;  // fewer cannot pay for the larger weights
constexpr double kWinogradOverhead = 1.3;        // of the transforms

std::size_t at(int id) { return static_cast<std::size_t>(id); }

/// A region without size is that of a value nothing reads.
void add_need(Region& needed, const Region& more) {
  if (more.size() != Size{}) needed = needed.size() == Size{} ? more : needed.united(more);
}

}  // namespace

/// What a convolution computes at once: pixels, unpooling windows or Winograd patches, whichever costs least.
Size Runner::choose_patch(const Layer& layer, const Op& op, const Region& region) {
  if (op.codes != kNone) return kQuad;
  if (!layer.winograd) return kPixel;
  const std::size_t patches = region.in_patches(layer.winograd->patch()).pixels();
  const double winograd_products = static_cast<double>(patches) * layer.winograd->elements() * kWinogradOverhead;
  const double direct_products = static_cast<double>(region.pixels()) * op.kernel * op.kernel;
  return patches >= kMinWinogradPatches && winograd_products < direct_products ? layer.winograd->patch() : kPixel;
}

/// Backwards from the unknown pixels: what a step must compute is what later steps read.
Runner::Regions Runner::find_regions(const ByteView& known, const Window& wanted, Size padded) const {
  Regions regions;
  regions.needed.resize(program_.values.size());
  regions.step.resize(schedule_.steps.size());
  regions.patch.assign(schedule_.steps.size(), kPixel);
  std::vector<Region>& needed = regions.needed;
  for (std::size_t s = schedule_.steps.size(); s-- > 0;) {
    const Step& step = schedule_.steps[s];
    const Op& op = program_.ops[at(step.op)];
    Region& region = regions.step[s];
    region = op.kind == OpKind::output ? Region::unknown(known, wanted, padded) : needed[at(op.output)];
    if (step.pool != kNone) {
      const Op& pool = program_.ops[at(step.pool)];
      Region& pooled = needed[at(pool.output)];
      add_need(pooled, needed[at(pool.codes)]);
      add_need(region, pooled.in_pixels(kQuad, {pooled.size().height * 2, pooled.size().width * 2}));
    }
    if (op.kind != OpKind::conv) {
      for (const ChannelRange& range : op.ranges) add_need(needed[at(range.value)], region);
      for (const int id : {op.input, op.other})
        if (id != kNone) add_need(needed[at(id)], region);
      continue;
    }
    // The pixels of a patch share what they read: all that the patch reads is needed, or an unneeded pixel's garbage,
    // which cancels on paper, could still be NaN.
    const Size size = region.size();
    const Size patch = regions.patch[s] = choose_patch(layers_[s], op, region);
    region = region.in_patches(patch);
    const Region pixels = region.in_pixels(patch, size);
    if (op.codes == kNone) {
      add_need(needed[at(op.input)], pixels.dilated(op.kernel / 2));
    } else {
      const Region cells = region.dilated(unpool_reach(op.kernel));
      add_need(needed[at(op.input)], cells);
      add_need(needed[at(op.codes)], cells);
      if (op.other != kNone) add_need(needed[at(op.other)], pixels.dilated(op.kernel / 2));
    }
  }
  return regions;
}

}  // namespace dim::cpu
