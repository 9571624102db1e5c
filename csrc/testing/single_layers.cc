#include "testing/single_layers.h"

#include "base/thread_pool.h"
#include "core/region.h"
#include "cpu/layers/dense_conv.h"
#include "cpu/layers/map.h"
#include "cpu/layers/unpool_conv.h"
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

OwnedMap packed(const Planes& planes, int lanes, int border) {
  OwnedMap map(planes.size, planes.channels, lanes, border);
  pack(planes.data, map.floats());
  return map;
}

/// A plain convolution the way the options ask for.
class Conv2d final : public SingleLayer {
 public:
  Conv2d(const Planes& input, const ConvWeights& weights, bool pool, const LayerOptions& options)
      : options_(options),
        pool_(options.threads),
        pixels_(Region::all(input.size)),
        half_(Region::all({input.size.height / 2, input.size.width / 2})),
        in_(packed(input, lanes_of(input, weights, options), WinogradConv::border(weights.kernel))),
        out_(pool ? Size{} : input.size, weights.out_channels, !pool && weights.out_channels == 1 ? 1 : kLanes, 0),
        pooled_(pool ? half_.size() : Size{}, weights.out_channels, kLanes, 0),
        codes_(pooled_.layout.size, weights.out_channels, kLanes, 0),
        pools_(pool) {
    if (out_.layout.lanes == 1) {
      head_ = std::make_unique<HeadConv>(*options.kernels, weights);
    } else if (options.winograd) {
      winograd_ = std::make_unique<WinogradConv>(*options.kernels, weights, options.keep_ties);
      patches_ = pixels_.in_patches(winograd_->patch());
    } else {
      dense_ = std::make_unique<DenseConv>(*options.kernels, weights, in_.layout.lanes);
    }
  }

  void run() override {
    const Team team(pool_, scratch_);
    const FloatMap in = in_.floats();
    const FloatMap out = pools_ ? FloatMap{whole_map(pixels_.size(), out_.layout.channels, kLanes, 0)} : out_.floats();
    const FloatMap pooled = pools_ ? pooled_.floats() : FloatMap{};
    const bool relu = options_.relu;
    if (head_)
      head_->run(in, out, pixels_, relu, team);
    else if (winograd_)
      winograd_->run({in, {}, {}, out, pooled, codes_.codes(), &patches_, &half_, relu, &team});
    else
      dense_->run({in, out, pooled, codes_.codes(), &pixels_, &half_, false, relu, &team});
  }
  std::vector<float> values() const override { return unpack((pools_ ? pooled_ : out_).floats()); }
  std::vector<std::uint8_t> codes() const override { return unpack(codes_.codes()); }

 private:
  static int lanes_of(const Planes& input, const ConvWeights& weights, const LayerOptions& options) {
    return input.channels == 4 && !options.winograd && weights.out_channels > 1 ? 4 : kLanes;
  }

  LayerOptions options_;
  ThreadPool pool_;
  ThreadScratch scratch_;
  Region pixels_, half_, patches_;
  OwnedMap in_, out_, pooled_, codes_;
  bool pools_;
  std::unique_ptr<HeadConv> head_;
  std::unique_ptr<WinogradConv> winograd_;
  std::unique_ptr<DenseConv> dense_;
};

/// A convolution of an unpooled map.
class UnpoolConv2d final : public SingleLayer {
 public:
  UnpoolConv2d(const Planes& input, const std::uint8_t* codes, const Planes& add, const ConvWeights& weights,
               const LayerOptions& options)
      : options_(options),
        pool_(options.threads),
        quads_(Region::all(input.size)),
        pixels_(Region::all({2 * input.size.height, 2 * input.size.width})),
        in_(packed(input, kLanes, unpool_reach(weights.kernel))),
        codes_(input.size, input.channels, kLanes, in_.layout.border),
        add_(add.data != nullptr ? pixels_.size() : Size{}, input.channels, kLanes,
             WinogradConv::border(weights.kernel)),
        out_(pixels_.size(), weights.out_channels, kLanes, 0),
        adds_(add.data != nullptr) {
    pack(codes, codes_.codes());
    if (adds_) pack(add.data, add_.floats());
    if (options.winograd) {
      winograd_ = std::make_unique<WinogradConv>(*options.kernels, weights, options.keep_ties);
    } else {
      unpool_ = std::make_unique<UnpoolConv>(*options.kernels, weights);
      if (adds_) dense_ = std::make_unique<DenseConv>(*options.kernels, weights, kLanes);
    }
  }

  void run() override {
    const Team team(pool_, scratch_);
    const FloatMap in = in_.floats(), out = out_.floats(), add = adds_ ? add_.floats() : FloatMap{};
    if (winograd_) {
      winograd_->run({in, codes_.codes(), add, out, {}, {}, &quads_, nullptr, options_.relu, &team});
      return;
    }
    if (dense_) dense_->run({add, out, {}, {}, &pixels_, nullptr, false, false, &team});
    unpool_->run({in, codes_.codes(), out, &quads_, adds_, options_.relu, &team});
  }
  std::vector<float> values() const override { return unpack(out_.floats()); }

 private:
  LayerOptions options_;
  ThreadPool pool_;
  ThreadScratch scratch_;
  Region quads_, pixels_;
  OwnedMap in_, codes_, add_, out_;
  bool adds_;
  std::unique_ptr<WinogradConv> winograd_;
  std::unique_ptr<UnpoolConv> unpool_;
  std::unique_ptr<DenseConv> dense_;
};

}  // namespace

std::unique_ptr<SingleLayer> make_conv2d(const Planes& input, const cpu::ConvWeights& weights, bool pool,
                                         const LayerOptions& options) {
  return std::make_unique<Conv2d>(input, weights, pool, options);
}

std::unique_ptr<SingleLayer> make_unpool_conv2d(const Planes& input, const std::uint8_t* codes, const Planes& add,
                                                const cpu::ConvWeights& weights, const LayerOptions& options) {
  return std::make_unique<UnpoolConv2d>(input, codes, add, weights, options);
}

}  // namespace dim::testing
