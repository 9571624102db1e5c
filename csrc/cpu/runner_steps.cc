// How the steps of a run are computed.
#include <algorithm>
#include <exception>
#include <functional>
#include <string>

#include "cpu/runner.h"

namespace dim::cpu {
namespace {

/// Of a strip, for each thread: what stays in its cache until the next step reads it, and keeps the thread busy for far
/// longer than a rendezvous with the others takes.
constexpr std::size_t kThreadStripBytes = std::size_t{1} << 20;
constexpr std::size_t kSectionStripBytes = std::size_t{1} << 19;  // of a thread that waits for nobody

/// Rows are computed in pairs: poolings and patches have two.
int even(int rows) { return (rows + 1) / 2 * 2; }

std::size_t at(int id) { return static_cast<std::size_t>(id); }

}  // namespace

/// Runs the step, or with it all that are interleaved with it.
void Runner::run_steps(std::size_t first, const Regions& regions, Workspace& workspace, Tracing& tracing) const {
  const auto last = at(schedule_.steps[first].last);
  std::vector<MapBytes> outputs;
  for (std::size_t s = first; s <= last; ++s) {
    const Step& step = schedule_.steps[s];
    if (s == last && schedule_.storage[at(step.output)].stored) outputs.push_back(workspace.as_bytes(step.output));
    if (const auto* pool = pooling_of(program_, step)) outputs.push_back(workspace.as_bytes(pool->output));
  }
  const Size size = workspace.layout(schedule_.steps[last].output).size;
  clear_borders(outputs, team_for(kPixelWork * size.area() * outputs.size(), {workspace}));
  run_sections(first, section_edges(first, regions, workspace), regions, workspace, tracing);
  for (std::size_t s = first; tracing.keeps_argmax() && s <= last; ++s)
    if (const auto* pool = pooling_of(program_, schedule_.steps[s]))
      tracing.argmax(workspace.codes(pool->codes), regions.needed[at(pool->output)]);
}

/// Runs interleaved steps on all sections: one with all threads, or each on one of them, which computes what the steps
/// before the last must give beyond the section, too. So threads read what they wrote themselves, and wait for each
/// other once.
void Runner::run_sections(std::size_t first, const std::vector<int>& edges, const Regions& regions,
                          Workspace& workspace, Tracing& tracing) const {
  const auto last = at(schedule_.steps[first].last);
  const int sections = static_cast<int>(edges.size()) - 1;
  std::vector<std::string> names;
  for (std::size_t s = first; s <= last; ++s)
    names.push_back(program_.ops[at(schedule_.steps[s].op)].name +
                    (convs_[s] && convs_[s]->computes_in_int8() ? " (int8)" : ""));
  std::vector<Laps> laps(at(threads()), Laps(names.size()));
  if (sections == 1) {
    run_section(first, {edges[0], edges[1]}, regions, {workspace}, laps[0]);
  } else {
    std::size_t scratch_bytes = 0;
    for (std::size_t s = first; s <= last; ++s) scratch_bytes = std::max(scratch_bytes, convs_[s]->scratch_bytes());
    workspace.scratch().reserve(threads(), scratch_bytes);
    std::vector<std::exception_ptr> errors(at(threads()));  // a job must not throw
    pool().run(sections, [&](int section, int thread) {
      try {
        run_section(first, {edges[at(section)], edges[at(section) + 1]}, regions, {workspace, thread},
                    laps[at(thread)]);
      } catch (...) {
        errors[at(thread)] = std::current_exception();
      }
    });
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
  }
  tracing.lap(names, laps);
}

/// Runs interleaved steps until the last one has rows `section`. Each runs ahead of the next by what that one reads
/// below its last row, and only the rows still to be read are kept.
void Runner::run_section(std::size_t first, Span section, const Regions& regions, const Worker& worker,
                         Laps& laps) const {
  laps.start();
  const auto last = at(schedule_.steps[first].last);
  const auto value_of = [&](std::size_t s) { return schedule_.steps[s].output; };
  const auto reach = [&](std::size_t s) { return program_.ops[at(schedule_.steps[s].op)].reads.front().reach; };
  const int height = worker.workspace.layout(value_of(last)).size.height;
  std::vector<int> done(last + 1, section.begin), until(last + 1), end(last + 1, section.end);
  std::vector<MapBytes> kept;
  for (std::size_t s = last; s-- > first;) {
    done[s] = std::max(0, done[s + 1] - even(-reach(s + 1).before));
    end[s] = std::min(height, even(end[s + 1] + reach(s + 1).after));
    worker.workspace.rewind(value_of(s), done[s], worker.copy());
    kept.push_back(worker.workspace.as_bytes(value_of(s), worker.copy()));
  }
  clear_borders(kept, team_for(kPixelWork * at(height) * kept.size(), worker));
  const int strip = strip_rows(first, regions, worker);
  while (done[last] < section.end) {
    until[last] = std::min(done[last] + strip, section.end);
    for (std::size_t s = last; s-- > first;) until[s] = std::min(end[s], even(until[s + 1] + reach(s + 1).after));
    for (std::size_t s = first; s <= last; ++s) {
      if (s != last) worker.workspace.advance(value_of(s), done[s + 1], done[s], worker.copy());
      if (done[s] < until[s]) run_rows(s, {done[s], until[s]}, regions, worker);
      if (s != last && until[s] == height) clear_below(worker.workspace.as_bytes(value_of(s), worker.copy()));
      done[s] = until[s];
      laps.lap(s - first);
    }
  }
}

/// Where the sections of steps that run in sections begin and end: one for each thread, with as many pixels as the
/// others.
std::vector<int> Runner::section_edges(std::size_t first, const Regions& regions, const Workspace& workspace) const {
  constexpr int kAlign = 8;  // patches and slabs are not cut
  const auto last = at(schedule_.steps[first].last);
  const int height = workspace.layout(schedule_.steps[last].output).size.height;
  const Region& region = regions.step[last];
  const bool many =
      workspace.in_sections(schedule_.steps[first].output) && conv_work(last, region, regions) >= kSerialWork;
  const std::size_t sections = many ? at(threads()) : 1, pixels = region.pixels();
  std::vector<int> edges = {0};
  std::size_t seen = 0;
  for (int y = 0; edges.size() < sections && y < region.size().height; ++y) {
    for (const Span& span : region.row(y)) seen += at(span.end - span.begin);
    const int end = (y + 1) * regions.patch[last].height;
    if (seen * sections >= pixels * edges.size() && end % kAlign == 0 && end < height) edges.push_back(end);
  }
  edges.push_back(height);
  return edges;
}

/// Of the steps' results at a time: no more than there is room for, and what is computed of them fits the caches.
int Runner::strip_rows(std::size_t first, const Regions& regions, const Worker& worker) const {
  const auto last = at(schedule_.steps[first].last);
  const int height = worker.workspace.layout(schedule_.steps[last].output).size.height;
  const int room = worker.workspace.strip_rows(first) != 0 ? worker.workspace.strip_rows(first) : height;
  std::size_t bytes = 0;  // of the largest result that the next step reads
  for (std::size_t s = first; s < last; ++s) {
    const MapLayout& layout = worker.workspace.as_bytes(schedule_.steps[s].output, worker.copy()).layout;
    bytes = std::max(bytes, regions.step[s].pixels() * regions.patch[s].area() * at(layout.channels));
  }
  const std::size_t row_bytes = std::max(std::size_t{1}, bytes / at(height));
  const std::size_t strip_bytes = worker.thread == Team::kAll ? kThreadStripBytes * at(threads()) : kSectionStripBytes;
  return std::min(room, rows_of_strip(strip_bytes, row_bytes));
}

void Runner::run_rows(std::size_t s, Span rows, const Regions& regions, const Worker& worker) const {
  if (rows.begin == 0 && rows.end == worker.workspace.layout(schedule_.steps[s].output).size.height)
    return run_step(s, regions.step[s], rows, regions, worker);
  const int patch = regions.patch[s].height;
  run_step(s, regions.step[s].rows(rows.begin / patch, (rows.end + patch - 1) / patch), rows, regions, worker);
}

void Runner::run_step(std::size_t s, const Region& region, Span rows, const Regions& regions,
                      const Worker& worker) const {
  const Step& step = schedule_.steps[s];
  const Operation& operation = program_.ops[at(step.op)].operation;
  if (const auto* conv = std::get_if<Conv>(&operation)) {
    run_conv(s, *conv, region, regions, worker);
  } else {
    const std::function<FloatMap(int)> map = [&](int value) { return worker.workspace.floats(value); };
    const std::function<Size(int)> end = [&](int value) { return size_of(value, regions.ends_at); };
    const auto blocks = at(worker.workspace.layout(step.output).blocks());
    const Team team = team_for(kPixelWork * region.pixels() * blocks, worker);
    run_pixel_by_pixel(operation, {map, end, region, team, kernels_});
  }
  if (reflect_) return;
  clear_behind_picture(step.output, rows, regions, worker);
  const Span pooled = {rows.begin / 2, (rows.end + 1) / 2};
  if (const auto* pool = pooling_of(program_, step)) clear_behind_picture(pool->output, pooled, regions, worker);
}

/// Zeros what convolutions of a map that ends with the picture would pad. Poolings leave an odd last row or column out,
/// and so unpooling has zeros there.
void Runner::clear_behind_picture(int value, Span rows, const Regions& regions, const Worker& worker) const {
  if (!schedule_.storage[at(value)].stored) return;
  clear_outside(worker.workspace.as_bytes(value, worker.copy()), size_of(value, regions.ends_at), rows);
}

/// Products of a convolution.
std::size_t Runner::conv_work(std::size_t s, const Region& region, const Regions& regions) const {
  const auto& conv = std::get<Conv>(program_.ops[at(schedule_.steps[s].op)].operation);
  const auto channels = [&](int value) { return at(program_.values[at(value)].channels); };
  return region.pixels() * regions.patch[s].area() * at(conv.kernel * conv.kernel) * channels(conv.input) *
         channels(conv.output);
}

void Runner::run_conv(std::size_t s, const Conv& conv, const Region& region, const Regions& regions,
                      const Worker& worker) const {
  Workspace& workspace = worker.workspace;
  ConvCall call;
  const auto find = [&](int value, FloatMap& floats, QuantizedMap& quantized) {
    if (workspace.is_quantized(value))
      quantized = workspace.quantized(value, worker.copy()), floats.layout = quantized.layout;
    else
      floats = workspace.floats(value, worker.copy());
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
  const Team team = team_for(conv_work(s, region, regions), worker);
  call.team = &team;
  convs_[s]->run(call);
}

}  // namespace dim::cpu
