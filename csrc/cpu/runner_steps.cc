// How the steps of a run are computed.
#include <algorithm>
#include <cmath>

#include "cpu/runner.h"

namespace dim::cpu {
namespace {

std::size_t at(int id) { return static_cast<std::size_t>(id); }

}  // namespace

/// Runs the step, or with it all that are interleaved with it. Each step runs ahead of the next by what that one reads
/// below its last row, and only the rows still to be read are kept.
void Runner::run_steps(std::size_t first, const Regions& regions, Workspace& workspace, Tracing& tracing) const {
  const auto last = at(schedule_.steps[first].last);
  const auto op_of = [&](std::size_t s) -> const Op& { return program_.ops[at(schedule_.steps[s].op)]; };
  std::vector<FloatMap> outputs;
  for (std::size_t s = first; s <= last; ++s) {
    const Step& step = schedule_.steps[s];
    workspace.rewind(op_of(s).output);
    if (schedule_.storage[at(op_of(s).output)].stored) outputs.push_back(workspace.floats(op_of(s).output));
    if (step.pool != kNone) outputs.push_back(workspace.floats(program_.ops[at(step.pool)].output));
  }
  const Size size = workspace.floats(op_of(last).output).layout.size;
  const int height = size.height;
  clear_borders(outputs, team_for(kPixelWork * size.area() * outputs.size(), workspace));
  const int strip = workspace.strip_rows(first) != 0 ? workspace.strip_rows(first) : height;
  std::vector<int> done(last + 1, 0), until(last + 1, 0);
  while (done[last] < height) {
    until[last] = std::min(done[last] + strip, height);
    for (std::size_t s = last; s-- > first;)
      until[s] = std::min(height, (until[s + 1] + op_of(s + 1).kernel / 2 + 1) / 2 * 2);
    for (std::size_t s = first; s <= last; ++s) {
      const int value = op_of(s).output;
      if (s != last) workspace.advance(value, done[s + 1], done[s]);
      if (done[s] < until[s]) run_rows(s, done[s], until[s], regions, workspace);
      if (s != last && until[s] == height) clear_below(workspace.floats(value));
      done[s] = until[s];
      tracing.lap(op_of(s).name);
    }
  }
  for (std::size_t s = first; tracing.keeps_argmax() && s <= last; ++s)
    if (schedule_.steps[s].pool != kNone) {
      const Op& pool = program_.ops[at(schedule_.steps[s].pool)];
      tracing.argmax(workspace.codes(pool.codes), regions.needed[at(pool.output)]);
    }
}

void Runner::run_rows(std::size_t s, int begin, int end, const Regions& regions, Workspace& workspace) const {
  const Op& op = program_.ops[at(schedule_.steps[s].op)];
  if (begin == 0 && end == workspace.floats(op.output).layout.size.height) {
    run_step(s, regions.step[s], regions, workspace);
  } else {
    const int patch = regions.patch[s].height;
    run_step(s, regions.step[s].rows(begin / patch, (end + patch - 1) / patch), regions, workspace);
  }
}

void Runner::run_step(std::size_t s, const Region& region, const Regions& regions, Workspace& workspace) const {
  const Op& op = program_.ops[at(schedule_.steps[s].op)];
  if (op.kind == OpKind::conv)
    run_conv(s, region, regions, workspace);
  else
    run_pointwise(op, region, workspace);
  if (reflect_) return;
  clear_behind_picture(op, regions, workspace);
  if (schedule_.steps[s].pool != kNone)
    clear_behind_picture(program_.ops[at(schedule_.steps[s].pool)], regions, workspace);
}

/// Zeros what convolutions of a map that ends with the picture would pad. Poolings leave an odd last row or column out,
/// and so unpooling has zeros there.
void Runner::clear_behind_picture(const Op& op, const Regions& regions, Workspace& workspace) const {
  if (!schedule_.storage[at(op.output)].stored) return;
  const int level = program_.values[at(op.output)].level;
  clear_outside(workspace.floats(op.output), {regions.ends_at.height >> level, regions.ends_at.width >> level});
}

void Runner::run_conv(std::size_t s, const Region& region, const Regions& regions, Workspace& workspace) const {
  const Step& step = schedule_.steps[s];
  const Op& op = program_.ops[at(step.op)];
  const Layer& layer = layers_[s];
  const FloatMap input = workspace.floats(op.input);
  const FloatMap output = workspace.floats(op.output);
  FloatMap pooled;
  CodeMap codes;
  const Region* pooled_region = nullptr;
  if (step.pool != kNone) {
    const Op& pool = program_.ops[at(step.pool)];
    pooled = workspace.floats(pool.output);
    codes = workspace.codes(pool.codes);
    pooled_region = &regions.needed[at(pool.output)];
  }
  const CodeMap unpool_codes = op.codes == kNone ? CodeMap{} : workspace.codes(op.codes);
  const FloatMap add = op.other == kNone ? FloatMap{} : workspace.floats(op.other);
  const Team team =
      team_for(region.pixels() * regions.patch[s].area() * static_cast<std::size_t>(op.kernel * op.kernel) *
                   static_cast<std::size_t>(input.layout.channels) * static_cast<std::size_t>(output.layout.channels),
               workspace);
  if (layer.head) {
    layer.head->run(input, output, region, op.relu, team);
  } else if (layer.winograd && regions.patch[s] != kPixel) {
    layer.winograd->run({input, unpool_codes, add, output, pooled, codes, &region, pooled_region, op.relu, &team});
  } else if (!layer.unpool) {
    layer.dense->run({input, output, pooled, codes, &region, pooled_region, false, op.relu, &team});
  } else {
    // Convolution is linear: the skip connection's part first, then the unpooled part on top of it.
    if (layer.dense) {
      const Region pixels = region.in_pixels(kQuad, output.layout.size);
      layer.dense->run({add, output, {}, {}, &pixels, nullptr, false, false, &team});
    }
    layer.unpool->run({input, unpool_codes, output, &region, layer.dense != nullptr, op.relu, &team});
  }
}

void Runner::run_pointwise(const Op& op, const Region& region, Workspace& workspace) const {
  const FloatMap output = workspace.floats(op.output);
  const int height = output.layout.size.height;
  const Team team = team_for(kPixelWork * region.pixels(), workspace);
  if (op.kind == OpKind::concat) {
    team.run_rows(height, [&](int y) {
      for (const Span& span : region.row(y)) {
        int channel = 0;
        for (const ChannelRange& range : op.ranges) {
          const FloatMap source = workspace.floats(range.value);
          for (int c = 0; c < range.count; ++c, ++channel) {
            const float* from = source.channel(range.first + c, y, span.begin);
            float* to = output.channel(channel, y, span.begin);
            for (int x = 0; x < span.end - span.begin; ++x) to[x * output.layout.lanes] = from[x * source.layout.lanes];
          }
        }
      }
    });
    return;
  }
  const FloatMap input = workspace.floats(op.input);
  const FloatMap other = op.kind == OpKind::add ? workspace.floats(op.other) : input;
  team.run_rows(height, [&](int y) {
    for (const Span& span : region.row(y)) {
      const float* from = input.at(0, y, span.begin);
      const float* from_other = other.at(0, y, span.begin);
      float* to = output.at(0, y, span.begin);
      for (int x = 0; x < span.end - span.begin; ++x) {
        const float v = from[x * input.layout.lanes];
        to[x] = op.kind == OpKind::sigmoid ? 1.0f / (1.0f + std::exp(-v))
                : op.kind == OpKind::clip  ? std::fmin(std::fmax(v, 0.0f), 1.0f)
                                           : v + from_other[x * other.layout.lanes];
      }
    }
  });
}

}  // namespace dim::cpu
