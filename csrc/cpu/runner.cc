#include "cpu/runner.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <utility>

#include "base/cores.h"
#include "base/denormals.h"
#include "base/error.h"
#include "core/postprocess.h"

namespace dim::cpu {
namespace {

constexpr std::size_t kRegionBytesPerPixel = 6;  // of the spans of all steps; a checkerboard was seen to take 5

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

Runner::Runner(const Plan& plan, bool rgb, const Options& options)
    : Backend(options.threads > 0 ? options.threads : default_threads()),
      kernels_(default_kernels()),
      stride_(plan.preprocessing.stride),
      reflect_(plan.preprocessing.reflect),
      strip_bytes_(options.strip_bytes),
      section_rows_(options.section_rows),
      preprocessor_(plan.preprocessing, rgb),
      program_(parse_program(plan.payload(), plan.payload_bytes(), stride_)),
      schedule_(make_schedule(program_)),
      halo_px_(cpu::halo_px(program_)),
      convs_(schedule_.steps.size()) {
  const int channels = program_.values[at(input_of(program_))].channels;
  if (channels != plan.preprocessing.channels())
    throw PlanError("plan: its network reads " + std::to_string(channels) + " channels, and preprocessing gives " +
                    std::to_string(plan.preprocessing.channels()) + "; rebuild it with python -m dim_trt.build");
  for (std::size_t s = 0; s < convs_.size(); ++s) {
    Operation& operation = program_.ops[at(schedule_.steps[s].op)].operation;
    if (auto* conv = std::get_if<Conv>(&operation)) convs_[s] = pack(*conv, schedule_.steps[s].pooled_later);
  }
}

std::unique_ptr<ConvStep> Runner::pack(Conv& conv, bool keep_ties) const {
  const auto channels = [&](int id) { return program_.values[at(id)].channels; };
  const auto lanes = [&](int id) { return schedule_.storage[at(id)].lanes; };
  ConvSpec spec;
  spec.weights = {channels(conv.input), channels(conv.output), conv.kernel};
  spec.weights.bias = conv.bias.data();
  if (conv.int8_weight.values.empty()) {
    spec.weights.weight = conv.weight.data();
  } else {
    spec.weights.int8 = conv.int8_weight.values.data();
    spec.weights.scale = conv.int8_weight.scale.data();
  }
  spec.level = program_.values[at(conv.output)].level;
  spec.in_lanes = lanes(conv.input), spec.out_lanes = lanes(conv.output);
  spec.unpools = conv.unpools(), spec.adds = conv.adds(), spec.same_steps = conv.same_steps;
  spec.keep_ties = keep_ties, spec.relu = conv.relu;
  spec.quantized_in = conv.quantized;
  spec.quantized_out = program_.values[at(conv.output)].element == Element::quantized;
  std::unique_ptr<ConvStep> step = make_conv_step(kernels_, spec);
  conv.weight = {};  // packed now
  conv.bias = {};
  conv.int8_weight = {};
  return step;
}

void Runner::run(const Request& request, Trace* trace) {
  const FlushDenormals flush;  // the pool's threads always do
  Tracing tracing(trace);
  const Inputs& inputs = request.inputs;
  const Size padded_size = padded(inputs.image.size, stride_);
  const Regions regions = find_regions(request.wanted, inputs.image.size);
  std::unique_ptr<Workspace> workspace = take_workspace();
  workspace->prepare(program_, schedule_, padded_size, strip_options());
  tracing.lap("regions");

  const FloatMap input = workspace->floats(input_of(program_));
  const Region& input_region = regions.step.front();
  const Team team = team_for(kPixelWork * padded_size.area(), {*workspace});
  clear_borders({workspace->as_bytes(input_of(program_))}, team);
  team.run_rows(padded_size.height, [&](int y) {
    if (!input_region.row(y).empty())
      preprocessor_.row(inputs.image, inputs.guide, y, padded_size.width, input.at(0, y, 0));
  });
  tracing.lap("preprocess");

  for (std::size_t s = 1; s + 1 < schedule_.steps.size(); s = at(schedule_.steps[s].last) + 1)
    run_steps(s, regions, *workspace, tracing);

  const FloatMap output = workspace->floats(output_of(program_));
  const Window wanted = request.wanted.window;
  const ByteView known = part(request.wanted.known, wanted);
  const MapView map = part(request.output.map, wanted);
  team.run_rows(wanted.size.height, [&](int y) {
    const float* network = output.channel(0, wanted.top + y, wanted.left);
    postprocess_row(known, y, network, output.layout.lanes, map, request.output.clamp);
  });
  give_back(std::move(workspace));
  tracing.lap("postprocess");
}

std::vector<LayerPrecision> Runner::layers() const {
  std::vector<LayerPrecision> layers;
  for (std::size_t s = 0; s < convs_.size(); ++s)
    if (convs_[s])
      layers.push_back({program_.ops[at(schedule_.steps[s].op)].name, convs_[s]->computes_in_int8() ? "int8" : "fp32"});
  return layers;
}

std::size_t Runner::working_bytes(Size picture) const {
  std::size_t scratch_bytes = 0;
  for (const std::unique_ptr<ConvStep>& conv : convs_)
    if (conv) scratch_bytes = std::max(scratch_bytes, conv->scratch_bytes());
  const Size size = padded(picture, stride_);
  return Workspace::bytes(program_, schedule_, size, strip_options()) + at(threads()) * scratch_bytes +
         kRegionBytesPerPixel * size.area();
}

Team Runner::team_for(std::size_t work, const Worker& worker) const {
  constexpr int kCaller = 0;
  const int only = worker.thread == Team::kAll && work < kSerialWork ? kCaller : worker.thread;
  return Team(pool(), worker.workspace.scratch(), only);
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
