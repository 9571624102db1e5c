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
class OrDirect final : public ConvStep {
 public:
  /// Costs are in products for a pair of channels: of a Winograd patch, transforms counted, and of a pixel.
  OrDirect(std::unique_ptr<ConvStep> winograd, Size patch, double patch_cost, std::shared_ptr<const ConvStep> direct,
           double pixel_cost)
      : winograd_(std::move(winograd)),
        direct_(std::move(direct)),
        patch_(patch),
        patch_cost_(patch_cost),
        pixel_cost_(pixel_cost) {}

  Size patch_for(const Region& pixels) const override {
    const std::size_t patches = pixels.in_patches(patch_).pixels();
    const double direct_cost = static_cast<double>(pixels.pixels()) * pixel_cost_;
    const bool pays = static_cast<double>(patches) * patch_cost_ < direct_cost;
    return patches >= kMinWinogradPatches && pays ? patch_ : kPixel;
  }
  void run(const ConvCall& call) const override { (call.patch == kPixel ? *direct_ : *winograd_).run(call); }
  std::size_t scratch_bytes() const override { return std::max(winograd_->scratch_bytes(), direct_->scratch_bytes()); }
  bool computes_in_int8() const override { return direct_->computes_in_int8(); }

 private:
  std::unique_ptr<ConvStep> winograd_;
  std::shared_ptr<const ConvStep> direct_;
  Size patch_;
  double patch_cost_, pixel_cost_;
};

template <typename Winograd>
std::unique_ptr<ConvStep> or_direct(std::unique_ptr<Winograd> winograd, const ConvSpec& spec,
                                    std::shared_ptr<const DenseConv> direct) {
  constexpr double kOverhead = 1.3;  // of the transforms
  const Size patch = winograd->patch();
  const double patch_cost = winograd->products() * kOverhead;
  const double pixel_cost = spec.weights.kernel * spec.weights.kernel;
  return std::make_unique<OrDirect>(std::move(winograd), patch, patch_cost, std::move(direct), pixel_cost);
}

/// The same for whole numbers; direct alone where Winograd is not so much faster for any region that its weights, which
/// take 5 times the memory, are worth it.
std::unique_ptr<ConvStep> quantized_or_direct(const KernelTables& kernels, const ConvSpec& spec) {
  constexpr int kDeepest = 3;  // below, maps are small and layers wide: a tenth of little time for most memory
  constexpr double kTaps = 9;
  const ConvWeights& weights = spec.weights;
  const double transform = kernels.quantized->winograd_transform;
  const double patch_cost =
      QuantizedWinograd::kElements *
      (kernels.quantized->winograd_product + transform / weights.in_channels + transform / weights.out_channels);
  auto direct = std::make_unique<QuantizedConv>(kernels, spec);
  if (!QuantizedWinograd::supports(kernels, weights) || spec.level > kDeepest ||
      patch_cost >= kTaps * static_cast<double>(kWholePatch.area()))
    return direct;
  auto winograd = std::make_unique<QuantizedWinograd>(kernels, weights, spec.relu);
  return std::make_unique<OrDirect>(std::move(winograd), kWholePatch, patch_cost, std::move(direct), kTaps);
}

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
    if (algorithm == Algorithm::best) return quantized_or_direct(kernels, spec);
  }
  return std::make_unique<QuantizedConv>(kernels, spec);
}

}  // namespace

std::unique_ptr<ConvStep> make_conv_step(const KernelTables& kernels, const ConvSpec& spec, Algorithm algorithm) {
  const ConvWeights& weights = spec.weights;
  const bool best = algorithm == Algorithm::best;
  const bool thin = weights.in_channels <= (weights.kernel == 3 ? kernels.floats->thin_3x3 : kernels.floats->thin_5x5);
  const auto direct = [&] { return std::make_shared<DenseConv>(kernels, weights, spec.in_lanes, spec.relu); };
  const auto rows = [&] { return std::make_unique<RowWinogradConv>(kernels, weights, spec.relu); };
  const auto both = [&](std::shared_ptr<const DenseConv> ties) {
    return std::make_unique<WinogradConv>(kernels, weights, std::move(ties), spec.relu);
  };
  if (std::unique_ptr<ConvStep> step = make_int8_step(kernels, spec, algorithm)) return step;
  if (spec.out_lanes == 1) return std::make_unique<HeadConv>(kernels, weights, spec.relu);
  if (algorithm == Algorithm::winograd) return both(spec.keep_ties ? direct() : nullptr);
  if (algorithm == Algorithm::row_winograd) return rows();
  if (spec.unpools) {
    if (best && spec.adds && weights.kernel == 5) {
      if (thin) return rows();
      return both(nullptr);
    }
    if (spec.adds) return std::make_unique<SkipUnpool>(kernels, spec);
    return std::make_unique<UnpoolConv>(kernels, spec, false);
  }
  const bool keeps_ties = weights.kernel == 3 && !thin;
  if (best && WinogradConv::supports(weights.kernel) && spec.in_lanes == kLanes && (keeps_ties || !spec.keep_ties)) {
    const std::shared_ptr<const DenseConv> same = direct();
    return thin ? or_direct(rows(), spec, same) : or_direct(both(spec.keep_ties ? same : nullptr), spec, same);
  }
  return std::make_unique<DenseConv>(kernels, weights, spec.in_lanes, spec.relu);
}

}  // namespace dim::cpu
