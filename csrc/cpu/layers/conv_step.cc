#include "cpu/layers/conv_step.h"

#include <utility>

#include "cpu/layers/dense_conv.h"
#include "cpu/layers/quantized_conv.h"
#include "cpu/layers/quantized_unpool_conv.h"
#include "cpu/layers/quantized_winograd.h"
#include "cpu/layers/row_winograd_conv.h"
#include "cpu/layers/unpool_conv.h"
#include "cpu/layers/winograd_conv.h"

namespace dim::cpu {
namespace {

constexpr std::size_t kMinWinogradPatches = 16;  // fewer cannot pay for the larger weights

/// Winograd where it costs less than a direct convolution: thin regions have partial patches.
template <typename Winograd>
class OrDirect final : public ConvStep {
 public:
  OrDirect(std::unique_ptr<Winograd> winograd, const KernelTables& kernels, const ConvSpec& spec)
      : taps_(spec.weights.kernel * spec.weights.kernel),
        winograd_(std::move(winograd)),
        direct_(kernels, spec.weights, spec.in_lanes, spec.relu) {}

  Size patch_for(const Region& pixels) const override {
    const std::size_t patches = pixels.in_patches(winograd_->patch()).pixels();
    const double winograd_products = static_cast<double>(patches) * winograd_->products() * kWinogradOverhead;
    const double direct_products = static_cast<double>(pixels.pixels()) * taps_;
    return patches >= kMinWinogradPatches && winograd_products < direct_products ? winograd_->patch() : kPixel;
  }
  void run(const ConvCall& call) const override {
    if (call.patch == kPixel) return direct_.run(call);
    winograd_->run(call);
  }
  std::size_t scratch_bytes() const override { return std::max(winograd_->scratch_bytes(), direct_.scratch_bytes()); }

 private:
  static constexpr double kWinogradOverhead = 1.3;  // of the transforms

  int taps_;
  std::unique_ptr<Winograd> winograd_;
  DenseConv direct_;
};

/// The same for whole numbers.
class QuantizedWinogradOrDirect final : public ConvStep {
 public:
  /// Whether Winograd is so much faster for some region that its weights, which take 5 times the memory, are worth it.
  static bool pays(const KernelTables& kernels, const ConvSpec& spec) {
    return QuantizedWinograd::supports(kernels, spec.weights) && spec.level <= kDeepest &&
           patch_cost(kernels, spec.weights) < kTaps * static_cast<double>(kWholePatch.area());
  }

  QuantizedWinogradOrDirect(const KernelTables& kernels, const ConvSpec& spec)
      : patch_cost_(patch_cost(kernels, spec.weights)),
        winograd_(kernels, spec.weights, spec.relu),
        direct_(kernels, spec) {}

  Size patch_for(const Region& pixels) const override {
    const std::size_t patches = pixels.in_patches(kWholePatch).pixels();
    const double direct_products = static_cast<double>(pixels.pixels()) * kTaps;
    const bool faster = static_cast<double>(patches) * patch_cost_ < direct_products;
    return patches >= kMinWinogradPatches && faster ? kWholePatch : kPixel;
  }
  void run(const ConvCall& call) const override {
    if (call.patch == kPixel) return direct_.run(call);
    winograd_.run(call);
  }
  std::size_t scratch_bytes() const override { return std::max(winograd_.scratch_bytes(), direct_.scratch_bytes()); }
  bool computes_in_int8() const override { return true; }

 private:
  static constexpr double kTaps = 9;
  static constexpr int kDeepest = 3;  // below, maps are small and layers wide: a tenth of little time for most memory

  /// In products of the direct convolution.
  static double patch_cost(const KernelTables& kernels, const ConvWeights& weights) {
    const double transform = kernels.quantized->winograd_transform;
    return QuantizedWinograd::kElements *
           (kernels.quantized->winograd_product + transform / weights.in_channels + transform / weights.out_channels);
  }

  double patch_cost_;
  QuantizedWinograd winograd_;
  QuantizedConv direct_;
};

/// Convolution is linear: the added map's part first, then the unpooled part on top of it.
class SkipUnpool final : public ConvStep {
 public:
  SkipUnpool(const KernelTables& kernels, const ConvSpec& spec)
      : added_(kernels, spec.weights, kLanes, false), unpooled_(kernels, spec, true) {}

  Size patch_for(const Region& pixels) const override { return unpooled_.patch_for(pixels); }
  void run(const ConvCall& call) const override {
    const Region pixels = call.region->in_pixels(call.patch, call.output.layout.size);
    ConvCall added;
    added.input = call.add, added.output = call.output, added.region = &pixels, added.team = call.team;
    added_.run(added);
    unpooled_.run(call);
  }
  std::size_t scratch_bytes() const override { return std::max(added_.scratch_bytes(), unpooled_.scratch_bytes()); }

 private:
  DenseConv added_;
  UnpoolConv unpooled_;
};

/// Null where products of whole numbers are not what was asked for, or slower than those of floats: dot products of
/// four channels of an unpooled map find three zeros in four.
std::unique_ptr<ConvStep> make_int8_step(const KernelTables& kernels, const ConvSpec& spec, Algorithm algorithm) {
  const ConvWeights& weights = spec.weights;
  if (!spec.quantized_in || weights.int8 == nullptr) return nullptr;
  if (spec.unpools) {
    const bool direct = algorithm == Algorithm::best || algorithm == Algorithm::direct;
    if (!direct || kernels.quantized->unpool_dots == nullptr || (spec.adds && !spec.same_steps)) return nullptr;
    if (!spec.adds) return std::make_unique<QuantizedUnpoolConv>(kernels, weights, spec.relu);
  } else {
    if (algorithm == Algorithm::winograd) return std::make_unique<QuantizedWinograd>(kernels, weights, spec.relu);
    if (algorithm == Algorithm::best && QuantizedWinogradOrDirect::pays(kernels, spec))
      return std::make_unique<QuantizedWinogradOrDirect>(kernels, spec);
  }
  return std::make_unique<QuantizedConv>(kernels, spec);
}

}  // namespace

std::unique_ptr<ConvStep> make_conv_step(const KernelTables& kernels, const ConvSpec& spec, Algorithm algorithm) {
  const ConvWeights& weights = spec.weights;
  const bool best = algorithm == Algorithm::best;
  const bool thin = weights.in_channels <= (weights.kernel == 3 ? kernels.floats->thin_3x3 : kernels.floats->thin_5x5);
  const auto rows = [&] { return std::make_unique<RowWinogradConv>(kernels, weights, spec.relu); };
  const auto both = [&] { return std::make_unique<WinogradConv>(kernels, weights, spec.keep_ties, spec.relu); };
  if (std::unique_ptr<ConvStep> step = make_int8_step(kernels, spec, algorithm)) return step;
  if (spec.out_lanes == 1) return std::make_unique<HeadConv>(kernels, weights, spec.relu);
  if (algorithm == Algorithm::winograd) return both();
  if (algorithm == Algorithm::row_winograd) return rows();
  if (spec.unpools) {
    if (best && spec.adds && weights.kernel == 5) {
      if (thin) return rows();
      return both();
    }
    if (spec.adds) return std::make_unique<SkipUnpool>(kernels, spec);
    return std::make_unique<UnpoolConv>(kernels, spec, false);
  }
  const bool ties_alone = thin && spec.keep_ties && weights.kernel == 3;
  if (best && WinogradConv::supports(weights.kernel) && spec.in_lanes == kLanes && !ties_alone) {
    if (thin) return std::make_unique<OrDirect<RowWinogradConv>>(rows(), kernels, spec);
    return std::make_unique<OrDirect<WinogradConv>>(both(), kernels, spec);
  }
  return std::make_unique<DenseConv>(kernels, weights, spec.in_lanes, spec.relu);
}

}  // namespace dim::cpu
