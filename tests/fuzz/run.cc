// Pictures of any size, memory order and trimap through good plans: alpha is in 0..1, known pixels are exact, nothing
// beside alpha is written, and neither strips of the maps nor the number of threads change the result.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>

#include "core/matting.h"
#include "harness.h"

namespace {

constexpr int kMaxSide = 150;
constexpr float kOutside = -7.0f;
constexpr float kRounding = 1e-5f;
// Closed-form matting passes a guess on 150 times, with the rounding of floats: a last bit that the network rounds in
// another way comes back as up to 2e-4, and so does noise of 1e-4 in every pixel.
constexpr float kRoundingOfClosedForm = 1e-3f;

struct Way {
  const char* plan;
  int orientations = 1;
  bool closed_form = false;
};
constexpr const char *kStored = DIM_FUZZ_GOLDEN "int8.plan", *kComputed = DIM_FUZZ_GOLDEN "computes_int8.plan";
constexpr Way kWays[] = {{kStored}, {kStored, 8}, {kStored, 1, true}, {kComputed}};
constexpr std::size_t kWayCount = std::size(kWays);

std::unique_ptr<dim::Matting> load(int threads, std::size_t strip_bytes, const Way& way) {
  const dim::Plan plan = dim::read_plan(way.plan);
  return std::make_unique<dim::Matting>(
      plan, std::make_unique<dim::cpu::Runner>(plan, false, dim::cpu::Options{threads, strip_bytes}),
      dim::MattingOptions{{}, way.orientations, way.closed_form});
}

/// Strides, in elements, of an array laid out along `order` with gaps; negative ones walk backwards.
struct Layout {
  std::vector<std::ptrdiff_t> strides;
  std::ptrdiff_t first = 0;  // where [0, 0, …] is
  std::size_t elements = 1;
};

Layout lay_out(FuzzedDataProvider& fuzz, const std::vector<int>& shape) {
  std::vector<std::size_t> order(shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (fuzz.ConsumeBool()) std::reverse(order.begin(), order.end());
  Layout layout;
  layout.strides.resize(shape.size());
  std::ptrdiff_t stride = 1;
  for (const std::size_t axis : order) {
    stride *= fuzz.ConsumeIntegralInRange(1, 2);
    const bool backwards = fuzz.ConsumeBool();
    layout.strides[axis] = backwards ? -stride : stride;
    if (backwards) layout.first += (shape[axis] - 1) * stride;
    stride *= shape[axis];
  }
  layout.elements = static_cast<std::size_t>(stride);
  return layout;
}

/// Rectangles of known and unknown values on unknown or known ground.
dim::fuzz::Bytes draw_trimap(FuzzedDataProvider& fuzz, dim::Size size, const Layout& layout) {
  dim::fuzz::Bytes trimap(layout.elements, fuzz.ConsumeIntegral<std::uint8_t>());
  while (fuzz.remaining_bytes() > 4) {
    const auto value = fuzz.ConsumeIntegral<std::uint8_t>();
    const int top = fuzz.ConsumeIntegralInRange(0, size.height - 1);
    const int left = fuzz.ConsumeIntegralInRange(0, size.width - 1);
    const int bottom = fuzz.ConsumeIntegralInRange(top, size.height - 1);
    const int right = fuzz.ConsumeIntegralInRange(left, size.width - 1);
    for (int y = top; y <= bottom; ++y)
      for (int x = left; x <= right; ++x)
        trimap[static_cast<std::size_t>(layout.first + y * layout.strides[0] + x * layout.strides[1])] = value;
  }
  return trimap;
}

std::vector<float> run(const dim::Matting& matting, dim::MattingRequest request, const Layout& layout) {
  std::vector<float> alpha(layout.elements, kOutside);
  request.alpha = {alpha.data() + layout.first, request.image.size, layout.strides[0] * 4, layout.strides[1] * 4};
  matting.run(request);
  return alpha;
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kWhole = std::size_t{1} << 30;
  static std::unique_ptr<dim::Matting> wholes[kWayCount], strips[kWayCount];
  FuzzedDataProvider fuzz(data, size);
  const dim::Size picture = {fuzz.ConsumeIntegralInRange(1, kMaxSide), fuzz.ConsumeIntegralInRange(1, kMaxSide)};
  const Layout of_image = lay_out(fuzz, {picture.height, picture.width, 3});
  const Layout of_trimap = lay_out(fuzz, {picture.height, picture.width});
  const Layout of_alpha = lay_out(fuzz, {picture.height, picture.width});
  const unsigned seed = fuzz.ConsumeIntegral<std::uint16_t>();
  const std::size_t way = seed % kWayCount;
  if (wholes[way] == nullptr) wholes[way] = load(1, kWhole, kWays[way]), strips[way] = load(3, 1, kWays[way]);
  dim::fuzz::Bytes image(of_image.elements);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>((i * 2654435761u + seed) >> 13);
  const dim::fuzz::Bytes trimap = draw_trimap(fuzz, picture, of_trimap);

  dim::MattingRequest request;
  request.image = {image.data() + of_image.first, picture, of_image.strides[0], of_image.strides[1],
                   of_image.strides[2]};
  request.trimap = {trimap.data() + of_trimap.first, picture, of_trimap.strides[0], of_trimap.strides[1]};
  const std::vector<float> alpha = run(*wholes[way], request, of_alpha);
  const std::vector<float> in_strips = run(*strips[way], request, of_alpha);

  const float most = kWays[way].closed_form ? kRoundingOfClosedForm : kRounding;
  std::size_t outside = 0;
  for (std::size_t i = 0; i < alpha.size(); ++i) {
    outside += alpha[i] == kOutside;
    check(std::abs(alpha[i] - in_strips[i]) <= most, "strips and threads change nothing");
  }
  check(outside == alpha.size() - picture.area(), "every pixel of alpha is written and nothing else");
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const float a =
          alpha[static_cast<std::size_t>(of_alpha.first + y * of_alpha.strides[0] + x * of_alpha.strides[1])];
      const std::uint8_t known = request.trimap.at(y, x);
      if (dim::is_unknown(known))
        check(a >= 0.0f && a <= 1.0f, "alpha is in 0..1");
      else
        check(a == (known == dim::kKnownOne ? 1.0f : 0.0f), "known pixels are exact");
    }
  return 0;
}
