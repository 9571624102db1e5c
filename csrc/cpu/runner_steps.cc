// How the steps of a run are computed.
#include <algorithm>
#include <functional>

#include "cpu/runner.h"

namespace dim::cpu {
namespace {

/// Of a strip, for each thread: what stays in its cache until the next step reads it, and keeps the thread busy for far
/// longer than a rendezvous with the others takes.
constexpr std::size_t kThreadStripBytes = std::size_t{1} << 20;

std::size_t at(int id) { return static_cast<std::size_t>(id); }

}  // namespace

/// Runs the step, or with it all that are interleaved with it. Each step runs ahead of the next by what that one reads
/// below its last row, and only the rows still to be read are kept.
void Runner::run_steps(std::size_t first, const Regions& regions, Workspace& workspace, Tracing& tracing) const {
  const auto last = at(schedule_.steps[first].last);
  const auto op_of = [&](std::size_t s) -> const Op& { return program_.ops[at(schedule_.steps[s].op)]; };
  const auto below = [&](std::size_t s) { return op_of(s).reads.front().reach.after; };
  std::vector<MapBytes> outputs;
  for (std::size_t s = first; s <= last; ++s) {
    const Step& step = schedule_.steps[s];
    workspace.rewind(step.output);
    if (schedule_.storage[at(step.output)].stored) outputs.push_back(workspace.as_bytes(step.output));
    if (const auto* pool = pooling_of(program_, step)) outputs.push_back(workspace.as_bytes(pool->output));
  }
  const Size size = workspace.layout(schedule_.steps[last].output).size;
  const int height = size.height;
  clear_borders(outputs, team_for(kPixelWork * size.area() * outputs.size(), workspace));
  const int strip = strip_rows(first, regions, workspace);
  std::vector<int> done(last + 1, 0), until(last + 1, 0);
  while (done[last] < height) {
    until[last] = std::min(done[last] + strip, height);
    for (std::size_t s = last; s-- > first;) until[s] = std::min(height, (until[s + 1] + below(s + 1) + 1) / 2 * 2);
    for (std::size_t s = first; s <= last; ++s) {
      const int value = schedule_.steps[s].output;
      if (s != last) workspace.advance(value, done[s + 1], done[s]);
      if (done[s] < until[s]) run_rows(s, done[s], until[s], regions, workspace);
      if (s != last && until[s] == height) clear_below(workspace.as_bytes(value));
      done[s] = until[s];
      tracing.lap(op_of(s).name + (convs_[s] && convs_[s]->computes_in_int8() ? " (int8)" : ""));
    }
  }
  for (std::size_t s = first; tracing.keeps_argmax() && s <= last; ++s)
    if (const auto* pool = pooling_of(program_, schedule_.steps[s]))
      tracing.argmax(workspace.codes(pool->codes), regions.needed[at(pool->output)]);
}

/// Of the steps' results at a time: no more than there is room for, and what is computed of them fits the caches.
int Runner::strip_rows(std::size_t first, const Regions& regions, Workspace& workspace) const {
  const auto last = at(schedule_.steps[first].last);
  const int height = workspace.layout(schedule_.steps[last].output).size.height;
  const int room = workspace.strip_rows(first) != 0 ? workspace.strip_rows(first) : height;
  std::size_t bytes = 0;  // of the largest result that the next step reads
  for (std::size_t s = first; s < last; ++s) {
    const MapLayout& layout = workspace.as_bytes(schedule_.steps[s].output).layout;
    bytes = std::max(bytes, regions.step[s].pixels() * regions.patch[s].area() * at(layout.channels));
  }
  const std::size_t row_bytes = std::max(std::size_t{1}, bytes / at(height));
  return std::min(room, rows_of_strip(kThreadStripBytes * at(threads()), row_bytes));
}

void Runner::run_rows(std::size_t s, int begin, int end, const Regions& regions, Workspace& workspace) const {
  if (begin == 0 && end == workspace.layout(schedule_.steps[s].output).size.height) {
    run_step(s, regions.step[s], regions, workspace);
  } else {
    const int patch = regions.patch[s].height;
    run_step(s, regions.step[s].rows(begin / patch, (end + patch - 1) / patch), regions, workspace);
  }
}

void Runner::run_step(std::size_t s, const Region& region, const Regions& regions, Workspace& workspace) const {
  const Step& step = schedule_.steps[s];
  const Operation& operation = program_.ops[at(step.op)].operation;
  if (const auto* conv = std::get_if<Conv>(&operation)) {
    run_conv(s, *conv, region, regions, workspace);
  } else {
    const std::function<FloatMap(int)> map = [&](int value) { return workspace.floats(value); };
    const std::function<Size(int)> end = [&](int value) { return size_of(value, regions.ends_at); };
    const auto blocks = at(workspace.layout(step.output).blocks());
    const Team team = team_for(kPixelWork * region.pixels() * blocks, workspace);
    run_pixel_by_pixel(operation, {map, end, region, team, kernels_});
  }
  if (reflect_) return;
  clear_behind_picture(step.output, regions, workspace);
  if (const auto* pool = pooling_of(program_, step)) clear_behind_picture(pool->output, regions, workspace);
}

/// Zeros what convolutions of a map that ends with the picture would pad. Poolings leave an odd last row or column out,
/// and so unpooling has zeros there.
void Runner::clear_behind_picture(int value, const Regions& regions, Workspace& workspace) const {
  if (!schedule_.storage[at(value)].stored) return;
  clear_outside(workspace.as_bytes(value), size_of(value, regions.ends_at));
}

void Runner::run_conv(std::size_t s, const Conv& conv, const Region& region, const Regions& regions,
                      Workspace& workspace) const {
  ConvCall call;
  const auto find = [&](int value, FloatMap& floats, QuantizedMap& quantized) {
    if (workspace.is_quantized(value))
      quantized = workspace.quantized(value), floats.layout = quantized.layout;
    else
      floats = workspace.floats(value);
  };
  find(conv.input, call.input, call.quantized_input);
  find(conv.output, call.output, call.quantized_output);
  if (conv.unpools()) call.unpool_codes = workspace.codes(conv.codes);
  if (conv.adds()) find(conv.add, call.add, call.quantized_add);
  if (const auto* pool = pooling_of(program_, schedule_.steps[s])) {
    find(pool->output, call.pooled, call.quantized_pooled);
    call.codes = workspace.codes(pool->codes);
    call.pooled_region = &regions.needed[at(pool->output)];
  }
  call.region = &region;
  call.patch = regions.patch[s];
  const std::size_t products =
      at(conv.kernel * conv.kernel) * at(call.input.layout.channels) * at(call.output.layout.channels);
  const Team team = team_for(region.pixels() * call.patch.area() * products, workspace);
  call.team = &team;
  convs_[s]->run(call);
}

}  // namespace dim::cpu
