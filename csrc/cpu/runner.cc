#include "cpu/runner.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "core/postprocess.h"
#include "cpu/isa.h"

namespace dim::cpu {
namespace {

constexpr Size kPixel = {1, 1};
constexpr Size kWindow = {2, 2};               // of pooling and unpooling
constexpr std::size_t kMinWinogradTiles = 16;  // fewer cannot pay for four times the weights
constexpr double kWinogradOverhead = 1.3;      // of the transforms

constexpr std::size_t kPixelWork = 16;        // of an operation that only touches pixels
constexpr std::size_t kSerialWork = 1 << 21;  // about 50 µs on one core

std::size_t at(int id) { return static_cast<std::size_t>(id); }

/// A region without size is that of a value nothing reads.
void add_need(Region& needed, const Region& more) {
  if (more.size() != Size{}) needed = needed.size() == Size{} ? more : needed.united(more);
}

/// Notes the time since the last lap; costs nothing when nobody asked.
class Clock {
 public:
  explicit Clock(std::vector<StepTime>* times) : times_(times) {}

  void lap(const std::string& name) {
    if (times_ == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    times_->push_back({name, std::chrono::duration<double, std::milli>(now - last_).count()});
    last_ = now;
  }

 private:
  std::vector<StepTime>* times_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

Runner::Runner(const Plan& plan, int threads, bool rgb)
    : kernels_(&default_kernels()),
      threads_(threads > 0 ? threads : default_threads()),
      stride_(plan.preprocessing.stride),
      preprocessor_(plan.preprocessing, rgb),
      program_(parse_program(plan.payload(), plan.payload_bytes(), stride_)),
      schedule_(make_schedule(program_)),
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

/// What a convolution computes at once: pixels, unpooling windows or Winograd tiles, whichever costs least.
Size Runner::tile_of(const Layer& layer, const Op& op, const Region& region) {
  if (op.codes != kNone) return kWindow;
  if (!layer.winograd) return kPixel;
  const std::size_t tiles = region.tiles(layer.winograd->tile()).pixels();
  const double winograd_products = static_cast<double>(tiles) * layer.winograd->elements() * kWinogradOverhead;
  const double direct_products = static_cast<double>(region.pixels()) * op.kernel * op.kernel;
  return tiles >= kMinWinogradTiles && winograd_products < direct_products ? layer.winograd->tile() : kPixel;
}

/// Backwards from the unknown pixels: what a step must compute is what later steps read.
Runner::Regions Runner::find_regions(const TrimapView& trimap, Size padded) const {
  Regions regions;
  regions.needed.resize(program_.values.size());
  regions.step.resize(schedule_.steps.size());
  regions.tile.assign(schedule_.steps.size(), kPixel);
  std::vector<Region>& needed = regions.needed;
  for (std::size_t s = schedule_.steps.size(); s-- > 0;) {
    const Step& step = schedule_.steps[s];
    const Op& op = program_.ops[at(step.op)];
    Region& region = regions.step[s];
    region = op.kind == OpKind::output ? Region::unknown(trimap, padded) : needed[at(op.output)];
    if (step.pool != kNone) {
      const Op& pool = program_.ops[at(step.pool)];
      Region& pooled = needed[at(pool.output)];
      add_need(pooled, needed[at(pool.codes)]);
      add_need(region, pooled.untiled(kWindow, {pooled.size().height * 2, pooled.size().width * 2}));
    }
    if (op.kind != OpKind::conv) {
      for (const ChannelRange& range : op.ranges) add_need(needed[at(range.value)], region);
      for (const int id : {op.input, op.other})
        if (id != kNone) add_need(needed[at(id)], region);
      continue;
    }
    // The pixels of a tile share what they read: all that the tile reads is needed, or an unneeded pixel's garbage,
    // which cancels on paper, could still be NaN.
    const Size size = region.size();
    const Size tile = regions.tile[s] = tile_of(layers_[s], op, region);
    region = region.tiles(tile);
    const Region pixels = region.untiled(tile, size);
    if (op.codes == kNone) {
      add_need(needed[at(op.input)], pixels.dilated(op.kernel / 2));
    } else {
      const Region cells = region.dilated(UnpoolConv::reach(op.kernel));
      add_need(needed[at(op.input)], cells);
      add_need(needed[at(op.codes)], cells);
      if (op.other != kNone) add_need(needed[at(op.other)], pixels.dilated(op.kernel / 2));
    }
  }
  return regions;
}

void Runner::run(const Request& request, std::vector<StepTime>* times) {
  Clock clock(times);
  const Size padded_size = padded(request.image.size, stride_);
  const Regions regions = find_regions(request.trimap, padded_size);
  std::unique_ptr<Workspace> workspace = take_workspace();
  workspace->prepare(program_, schedule_, padded_size);
  clock.lap("regions");

  const FloatMap input = workspace->floats(program_.ops.front().output);
  clear_border(input);
  const Region& input_region = regions.step.front();
#pragma omp parallel for num_threads(threads_for(kPixelWork* padded_size.area())) schedule(static)
  for (int y = 0; y < padded_size.height; ++y)
    if (!input_region.row(y).empty())
      preprocessor_.row(request.image, request.trimap, y, padded_size.width, input.at(0, y, 0));
  clock.lap("preprocess");

  for (std::size_t s = 1; s + 1 < schedule_.steps.size(); ++s) {
    run_step(s, regions, *workspace);
    clock.lap(program_.ops[at(schedule_.steps[s].op)].name);
  }

  const FloatMap output = workspace->floats(program_.ops.back().input);
#pragma omp parallel for num_threads(threads_for(kPixelWork* padded_size.area())) schedule(static)
  for (int y = 0; y < request.image.size.height; ++y)
    postprocess_row(request.trimap, y, output.channel(0, y, 0), output.layout.lanes, request.alpha);
  give_back(std::move(workspace));
  clock.lap("postprocess");
}

void Runner::run_step(std::size_t s, const Regions& regions, Workspace& workspace) const {
  const Step& step = schedule_.steps[s];
  const Op& op = program_.ops[at(step.op)];
  if (schedule_.storage[at(op.output)].stored) clear_border(workspace.floats(op.output));
  if (op.kind == OpKind::conv) {
    if (step.pool != kNone) clear_border(workspace.floats(program_.ops[at(step.pool)].output));
    run_conv(s, regions, workspace);
  } else {
    run_pointwise(op, regions.step[s], workspace);
  }
}

void Runner::run_conv(std::size_t s, const Regions& regions, Workspace& workspace) const {
  const Step& step = schedule_.steps[s];
  const Op& op = program_.ops[at(step.op)];
  const Layer& layer = layers_[s];
  const Region& region = regions.step[s];
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
  const int threads =
      threads_for(region.pixels() * regions.tile[s].area() * static_cast<std::size_t>(op.kernel * op.kernel) *
                  static_cast<std::size_t>(input.layout.channels) * static_cast<std::size_t>(output.layout.channels));
  if (layer.head) {
    layer.head->run(input, output, region, op.relu, threads);
  } else if (layer.winograd && regions.tile[s] != kPixel) {
    layer.winograd->run({input, unpool_codes, add, output, pooled, codes, &region, pooled_region, op.relu, threads});
  } else if (!layer.unpool) {
    layer.dense->run({input, output, pooled, codes, &region, pooled_region, false, op.relu, threads});
  } else {
    // Convolution is linear: the skip connection's part first, then the unpooled part on top of it.
    if (layer.dense) {
      const Region pixels = region.untiled(kWindow, output.layout.size);
      layer.dense->run({add, output, {}, {}, &pixels, nullptr, false, false, threads});
    }
    layer.unpool->run({input, unpool_codes, output, &region, layer.dense != nullptr, op.relu, threads});
  }
}

void Runner::run_pointwise(const Op& op, const Region& region, Workspace& workspace) const {
  const FloatMap output = workspace.floats(op.output);
  const int height = output.layout.size.height;
  const int threads = threads_for(kPixelWork * region.pixels());
  if (op.kind == OpKind::concat) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int y = 0; y < height; ++y)
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
    return;
  }
  const FloatMap input = workspace.floats(op.input);
  const FloatMap other = op.kind == OpKind::add ? workspace.floats(op.other) : input;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int y = 0; y < height; ++y)
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
}

int Runner::threads_for(std::size_t work) const { return work < kSerialWork ? 1 : threads_; }

std::unique_ptr<Workspace> Runner::take_workspace() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return std::make_unique<Workspace>();
  std::unique_ptr<Workspace> workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

void Runner::give_back(std::unique_ptr<Workspace> workspace) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(workspace));
}

}  // namespace dim::cpu
