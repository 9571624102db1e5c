#include "testing/single_layers.h"

#include "base/thread_pool.h"
#include "core/region.h"
#include "cpu/layers/conv_step.h"
#include "cpu/layers/winograd_conv.h"

namespace dim::testing {
namespace {

using namespace cpu;

/// A map that owns its memory.
struct OwnedMap {
  OwnedMap(Size size, int channels, int lanes, int border)
      : layout(whole_map(size, channels, lanes, border)), storage(layout.elements()) {}

  FloatMap floats() const { return {layout, const_cast<float*>(storage.data()), -layout.border}; }
  CodeMap codes() const { return {layout, reinterpret_cast<std::uint8_t*>(floats().data), -layout.border}; }

  MapLayout layout;
  AlignedFloats storage;  // four times too large for codes, which are bytes
};

template <typename T>
void pack(const T* planes, const Map<T>& map) {
  for (int c = 0; c < map.layout.channels; ++c)
    for (int y = 0; y < map.layout.size.height; ++y)
      for (int x = 0; x < map.layout.size.width; ++x) *map.channel(c, y, x) = *planes++;
}

template <typename T>
std::vector<T> unpack(const Map<T>& map) {
  std::vector<T> planes;
  planes.reserve(static_cast<std::size_t>(map.layout.channels) * map.layout.size.area());
  for (int c = 0; c < map.layout.channels; ++c)
    for (int y = 0; y < map.layout.size.height; ++y)
      for (int x = 0; x < map.layout.size.width; ++x) planes.push_back(*map.channel(c, y, x));
  return planes;
}

OwnedMap packed(const Planes& planes, int lanes, int border, bool quantized) {
  OwnedMap map(planes.size, planes.channels, lanes, border);
  if (quantized) {
    const std::vector<std::uint8_t> bytes(planes.data,
                                          planes.data + planes.size.area() * static_cast<std::size_t>(planes.channels));
    pack(bytes.data(), map.codes());
  } else {
    pack(planes.data, map.floats());
  }
  return map;
}

/// A convolution the way the options ask for.
class OneConv final : public SingleLayer {
 public:
  /// Plain, with pooling or without.
  OneConv(const Planes& input, const ConvWeights& weights, bool pool, const LayerOptions& options)
      : OneConv(input, Planes{}, weights, input.size, pool, spec_of(input, weights, pool, options), options) {}
  /// Of a map that is unpooled.
  OneConv(const Planes& input, const std::uint8_t* codes, const Planes& add, const ConvWeights& weights,
          const LayerOptions& options)
      : OneConv(input, add, weights, {2 * input.size.height, 2 * input.size.width}, false,
                spec_of(weights, add.data != nullptr, options), options) {
    unpool_codes_ = OwnedMap(input.size, input.channels, kLanes, in_.layout.border);
    pack(codes, unpool_codes_.codes());
    call_.unpool_codes = unpool_codes_.codes();
  }

  void run() override {
    const Team team(pool_, scratch_);
    call_.team = &team;
    step_->run(call_);
  }
  std::vector<float> values() const override {
    const OwnedMap& result = pools_ ? pooled_ : out_;
    if (!quantized_out_) return unpack(result.floats());
    const std::vector<std::uint8_t> bytes = unpack(result.codes());
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::uint8_t> codes() const override { return unpack(codes_.codes()); }

 private:
  OneConv(const Planes& input, const Planes& add, const ConvWeights& weights, Size size, bool pool,
          const ConvSpec& spec, const LayerOptions& options)
      : pool_(options.threads),
        pools_(pool),
        quantized_out_(options.out_scale > 0.0f),
        step_(make_conv_step(options.kernels, spec, options.algorithm)),
        half_(Region::all({size.height / 2, size.width / 2})),
        in_(packed(input, spec.in_lanes,
                   spec.unpools ? unpool_reach(weights.kernel) : WinogradConv::border(weights.kernel),
                   spec.quantized_in)),
        add_(packed(add, kLanes, WinogradConv::border(weights.kernel), spec.quantized_in)),
        out_(pool ? Size{} : size, weights.out_channels, spec.out_lanes, 0),
        pooled_(pool ? half_.size() : Size{}, weights.out_channels, kLanes, 0),
        codes_(pooled_.layout.size, weights.out_channels, kLanes, 0) {
    const Region pixels = Region::all(size);
    call_.patch = step_->patch_for(pixels);
    patches_ = pixels.in_patches(call_.patch);
    call_.region = &patches_;
    call_.input = in_.floats();
    if (spec.quantized_in) call_.input.data = nullptr, call_.quantized_input = {in_.codes()};
    call_.output = pool ? FloatMap{whole_map(size, weights.out_channels, kLanes, 0)} : out_.floats();
    if (quantized_out_ && !pool)
      call_.output.data = nullptr, call_.quantized_output = {out_.codes(), options.out_scale};
    if (spec.adds && spec.quantized_in)
      call_.quantized_add = {add_.codes(), options.add_scale};
    else if (spec.adds)
      call_.add = add_.floats();
    if (!pool) return;
    if (quantized_out_)
      call_.quantized_pooled = {pooled_.codes(), options.out_scale};
    else
      call_.pooled = pooled_.floats();
    call_.codes = codes_.codes();
    call_.pooled_region = &half_;
  }

  static ConvSpec spec_of(const Planes& input, const ConvWeights& weights, bool pool, const LayerOptions& options) {
    ConvSpec spec;
    spec.weights = weights;
    const bool direct = options.algorithm == Algorithm::direct;
    const bool floats = !options.quantized && options.out_scale == 0.0f;
    spec.in_lanes = input.channels == 4 && direct && weights.out_channels > 1 && !options.quantized ? 4 : kLanes;
    spec.out_lanes = !pool && weights.out_channels == 1 && floats ? 1 : kLanes;
    spec.keep_ties = options.keep_ties, spec.relu = options.relu;
    spec.quantized_in = options.quantized, spec.quantized_out = options.out_scale > 0.0f;
    return spec;
  }
  static ConvSpec spec_of(const ConvWeights& weights, bool adds, const LayerOptions& options) {
    ConvSpec spec;
    spec.weights = weights;
    spec.unpools = true, spec.adds = adds, spec.same_steps = options.add_scale == 1.0f;
    spec.quantized_in = options.quantized, spec.quantized_out = options.out_scale > 0.0f;
    spec.keep_ties = options.keep_ties, spec.relu = options.relu;
    return spec;
  }

  ThreadPool pool_;
  ThreadScratch scratch_;
  bool pools_, quantized_out_;
  std::unique_ptr<ConvStep> step_;
  Region half_, patches_;
  OwnedMap in_, add_, out_, pooled_, codes_;
  OwnedMap unpool_codes_ = OwnedMap(Size{}, 0, kLanes, 0);
  ConvCall call_;
};

}  // namespace

std::unique_ptr<SingleLayer> make_conv2d(const Planes& input, const cpu::ConvWeights& weights, bool pool,
                                         const LayerOptions& options) {
  return std::make_unique<OneConv>(input, weights, pool, options);
}

std::unique_ptr<SingleLayer> make_unpool_conv2d(const Planes& input, const std::uint8_t* codes, const Planes& add,
                                                const cpu::ConvWeights& weights, const LayerOptions& options) {
  return std::make_unique<OneConv>(input, codes, add, weights, options);
}

}  // namespace dim::testing
