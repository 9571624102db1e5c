#include "cpu/runner.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/cores.h"
#include "base/denormals.h"
#include "core/postprocess.h"
#include "cpu/isa.h"
#include "cpu/receptive_field.h"

namespace dim::cpu {
namespace {

constexpr std::size_t kPixelWork = 16;           // of an operation that only touches pixels
constexpr std::size_t kRegionBytesPerPixel = 6;  // of the spans of all steps; a checkerboard was seen to take 5
constexpr std::size_t kSerialWork = 1 << 21;     // about 50 µs on one core

std::size_t at(int id) { return static_cast<std::size_t>(id); }

/// Guards every runner's idle workspaces, for moments only. Nobody holds it while the process forks, so that the child
/// does not wait for a thread that it does not have.
std::mutex& idle_mutex() {
  static std::mutex mutex;
  static const int registered = pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
  static_cast<void>(registered);
  return mutex;
}

}  // namespace

Runner::Runner(const Plan& plan, int threads, bool rgb, std::size_t strip_bytes)
    : Backend(threads > 0 ? threads : default_threads()),
      kernels_(&default_kernels()),
      stride_(plan.preprocessing.stride),
      reflect_(plan.preprocessing.reflect),
      strip_bytes_(strip_bytes),
      preprocessor_(plan.preprocessing, rgb),
      program_(parse_program(plan.payload(), plan.payload_bytes(), stride_)),
      schedule_(make_schedule(program_)),
      halo_px_(cpu::halo_px(program_)),
      layers_(schedule_.steps.size()) {
  for (std::size_t s = 0; s < layers_.size(); ++s) {
    Op& op = program_.ops[at(schedule_.steps[s].op)];
    if (op.kind == OpKind::conv) pack(op, schedule_.steps[s].pooled_later, layers_[s]);
  }
}

void Runner::pack(Op& op, bool keep_ties, Layer& layer) const {
  const auto channels = [&](int id) { return program_.values[at(id)].channels; };
  const ConvWeights weights = {channels(op.input), channels(op.output), op.kernel, op.weight.data(), op.bias.data()};
  const int in_lanes = schedule_.storage[at(op.input)].lanes;
  if (schedule_.storage[at(op.output)].lanes == 1) {
    layer.head = std::make_unique<HeadConv>(*kernels_, weights);
  } else if (op.codes == kNone) {
    layer.dense = std::make_unique<DenseConv>(*kernels_, weights, in_lanes);
    if (WinogradConv::supports(op.kernel) && in_lanes == kLanes)
      layer.winograd = std::make_unique<WinogradConv>(*kernels_, weights, keep_ties);
  } else if (op.other != kNone && op.kernel == 5) {
    layer.winograd = std::make_unique<WinogradConv>(*kernels_, weights, keep_ties);
  } else {
    layer.unpool = std::make_unique<UnpoolConv>(*kernels_, weights);
    if (op.other != kNone) layer.dense = std::make_unique<DenseConv>(*kernels_, weights, kLanes);
  }
  op.weight = {};  // packed now
  op.bias = {};
}

void Runner::run(const Request& request, Trace* trace) {
  const FlushDenormals flush;  // the pool's threads always do
  Tracing tracing(trace);
  const Size padded_size = padded(request.image.size, stride_);
  Regions regions = find_regions(request.trimap, request.wanted, padded_size);
  regions.ends_at = request.image.size;
  std::unique_ptr<Workspace> workspace = take_workspace();
  workspace->prepare(program_, schedule_, padded_size, strip_bytes_);
  tracing.lap("regions");

  const FloatMap input = workspace->floats(program_.ops.front().output);
  const Region& input_region = regions.step.front();
  const Team team = team_for(kPixelWork * padded_size.area(), *workspace);
  clear_borders({input}, team);
  team.run_rows(padded_size.height, [&](int y) {
    if (!input_region.row(y).empty())
      preprocessor_.row(request.image, request.trimap, y, padded_size.width, input.at(0, y, 0));
  });
  tracing.lap("preprocess");

  for (std::size_t s = 1; s + 1 < schedule_.steps.size(); s = at(schedule_.steps[s].last) + 1)
    run_steps(s, regions, *workspace, tracing);

  const FloatMap output = workspace->floats(program_.ops.back().input);
  const Window wanted = request.wanted;
  const TrimapView trimap = part(request.trimap, wanted);
  const AlphaView alpha = part(request.alpha, wanted);
  team.run_rows(wanted.size.height, [&](int y) {
    const float* network = output.channel(0, wanted.top + y, wanted.left);
    postprocess_row(trimap, y, network, output.layout.lanes, alpha, request.clamp);
  });
  give_back(std::move(workspace));
  tracing.lap("postprocess");
}

std::size_t Runner::working_bytes(Size picture) const {
  std::size_t scratch_bytes = 0;
  for (const Layer& layer : layers_) {
    if (layer.winograd) scratch_bytes = std::max(scratch_bytes, layer.winograd->scratch_floats() * sizeof(float));
    if (layer.unpool) scratch_bytes = std::max(scratch_bytes, layer.unpool->scratch_floats() * sizeof(float));
  }
  const Size size = padded(picture, stride_);
  return Workspace::bytes(program_, schedule_, size, strip_bytes_) + at(threads()) * scratch_bytes +
         kRegionBytesPerPixel * size.area();
}

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
    const int tile = regions.tile[s].height;
    run_step(s, regions.step[s].rows(begin / tile, (end + tile - 1) / tile), regions, workspace);
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
      team_for(region.pixels() * regions.tile[s].area() * static_cast<std::size_t>(op.kernel * op.kernel) *
                   static_cast<std::size_t>(input.layout.channels) * static_cast<std::size_t>(output.layout.channels),
               workspace);
  if (layer.head) {
    layer.head->run(input, output, region, op.relu, team);
  } else if (layer.winograd && regions.tile[s] != kPixel) {
    layer.winograd->run({input, unpool_codes, add, output, pooled, codes, &region, pooled_region, op.relu, &team});
  } else if (!layer.unpool) {
    layer.dense->run({input, output, pooled, codes, &region, pooled_region, false, op.relu, &team});
  } else {
    // Convolution is linear: the skip connection's part first, then the unpooled part on top of it.
    if (layer.dense) {
      const Region pixels = region.untiled(kWindow, output.layout.size);
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

Team Runner::team_for(std::size_t work, Workspace& workspace) const {
  return Team(pool(), workspace.scratch(), work < kSerialWork);
}

std::unique_ptr<Workspace> Runner::take_workspace() {
  const std::lock_guard<std::mutex> lock(idle_mutex());
  if (idle_.empty()) return std::make_unique<Workspace>();
  std::unique_ptr<Workspace> workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

void Runner::give_back(std::unique_ptr<Workspace> workspace) {
  const std::lock_guard<std::mutex> lock(idle_mutex());
  idle_.push_back(std::move(workspace));
}

}  // namespace dim::cpu
