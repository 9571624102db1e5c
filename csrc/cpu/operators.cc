#include "cpu/operators.h"

#include "core/region.h"
#include "cpu/layers/dense_conv.h"
#include "cpu/layers/unpool_conv.h"
#include "cpu/layers/winograd_conv.h"
#include "cpu/map.h"
#include "cpu/workspace.h"

namespace dim::cpu {
namespace {

/// A map that owns its memory.
struct OwnedMap {
  OwnedMap(Size size, int channels, int lanes, int border)
      : layout(whole_map(size, channels, lanes, border)), storage(layout.elements()) {}

  FloatMap floats() { return {layout, storage.data(), -layout.border}; }
  CodeMap codes() { return {layout, reinterpret_cast<std::uint8_t*>(storage.data()), -layout.border}; }

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

int lanes_of(const Planes& input) { return input.channels == 4 ? 4 : kLanes; }

/// Runs a plain convolution, pooled or not, the way the options ask for.
void run_conv(const Planes& input, const ConvWeights& weights, const OperatorOptions& options, const FloatMap& output,
              const FloatMap& pooled, const CodeMap& codes, const Region* pooled_region) {
  const Region pixels = Region::all(input.size);
  if (options.winograd) {
    const WinogradConv layer(*options.kernels, weights, options.keep_ties);
    const Region tiles = pixels.tiles(layer.tile());
    OwnedMap in = packed(input, kLanes, WinogradConv::border(weights.kernel));
    ThreadScratch scratch;
    layer.run(
        {in.floats(), {}, {}, output, pooled, codes, &tiles, pooled_region, options.relu, options.threads, &scratch});
  } else {
    OwnedMap in = packed(input, lanes_of(input), weights.kernel / 2);
    DenseConv(*options.kernels, weights, in.layout.lanes)
        .run({in.floats(), output, pooled, codes, &pixels, pooled_region, false, options.relu, options.threads});
  }
}

}  // namespace

std::vector<float> conv2d(const Planes& input, const ConvWeights& weights, const OperatorOptions& options) {
  if (weights.out_channels == 1) {
    OwnedMap in = packed(input, kLanes, weights.kernel / 2);
    OwnedMap out(input.size, 1, 1, 0);
    HeadConv(*options.kernels, weights)
        .run(in.floats(), out.floats(), Region::all(input.size), options.relu, options.threads);
    return unpack(out.floats());
  }
  OwnedMap out(input.size, weights.out_channels, kLanes, 0);
  run_conv(input, weights, options, out.floats(), {}, {}, nullptr);
  return unpack(out.floats());
}

Pooled conv2d_max_pool(const Planes& input, const ConvWeights& weights, const OperatorOptions& options) {
  const Region pooled_region = Region::all({input.size.height / 2, input.size.width / 2});
  OwnedMap pooled(pooled_region.size(), weights.out_channels, kLanes, 0);
  OwnedMap codes(pooled_region.size(), weights.out_channels, kLanes, 0);
  const FloatMap not_stored = {whole_map(input.size, weights.out_channels, kLanes, 0)};
  run_conv(input, weights, options, not_stored, pooled.floats(), codes.codes(), &pooled_region);
  return {unpack(pooled.floats()), unpack(codes.codes())};
}

std::vector<float> unpool_conv2d(const Planes& input, const std::uint8_t* codes, const Planes& add,
                                 const ConvWeights& weights, const OperatorOptions& options) {
  const int reach = UnpoolConv::reach(weights.kernel);
  const Region quads = Region::all(input.size);
  const Region pixels = Region::all({2 * input.size.height, 2 * input.size.width});
  OwnedMap in = packed(input, kLanes, reach);
  OwnedMap code_map(input.size, input.channels, kLanes, reach);
  pack(codes, code_map.codes());
  OwnedMap skip(pixels.size(), input.channels, kLanes, WinogradConv::border(weights.kernel));
  if (add.data != nullptr) pack(add.data, skip.floats());
  const FloatMap added = add.data != nullptr ? skip.floats() : FloatMap{};
  OwnedMap out(pixels.size(), weights.out_channels, kLanes, 0);
  if (options.winograd) {
    ThreadScratch scratch;
    WinogradConv(*options.kernels, weights, options.keep_ties)
        .run({in.floats(),
              code_map.codes(),
              added,
              out.floats(),
              {},
              {},
              &quads,
              nullptr,
              options.relu,
              options.threads,
              &scratch});
    return unpack(out.floats());
  }
  if (add.data != nullptr)
    DenseConv(*options.kernels, weights, kLanes)
        .run({added, out.floats(), {}, {}, &pixels, nullptr, false, false, options.threads});
  UnpoolConv(*options.kernels, weights)
      .run({in.floats(), code_map.codes(), out.floats(), &quads, add.data != nullptr, options.relu, options.threads});
  return unpack(out.floats());
}

}  // namespace dim::cpu
