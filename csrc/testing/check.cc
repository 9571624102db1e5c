// dim_cpu_check: the CPU backend without Python, for machines that have none and for processors that are emulated.
//
//     dim_cpu_check                                         layers, every instruction set against the scalar twin
//     dim_cpu_check PLAN HEIGHT WIDTH IMAGE TRIMAP ALPHA    a picture through a plan; raw files: uint8 [H][W][3] and
//                                                           [H][W], float32 [H][W]
//
// Exit code 0: all is well; 1: not; 2: wrong arguments.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "base/error.h"
#include "core/matting.h"
#include "cpu/isa.h"
#include "cpu/runner.h"
#include "testing/single_layers.h"

namespace dim::testing {
namespace {

constexpr float kTolerance = 2e-5f;  // sums of another order; fused multiply-add or not

struct Case {
  int in, out, kernel, height, width;
  bool unpools, adds, pools;
  cpu::Algorithm algorithm;
};

constexpr cpu::Algorithm kDirect = cpu::Algorithm::direct, kWinograd = cpu::Algorithm::winograd,
                         kRows = cpu::Algorithm::row_winograd;
constexpr Case kCases[] = {
    {4, 16, 3, 7, 9, false, false, false, kDirect},      {16, 48, 3, 5, 31, false, false, false, kDirect},
    {64, 32, 5, 13, 17, false, false, false, kDirect},   {3, 5, 1, 1, 1, false, false, false, kDirect},
    {33, 1, 5, 21, 33, false, false, false, kDirect},    {16, 80, 1, 3, 129, false, false, false, kDirect},
    {16, 48, 3, 6, 30, false, false, true, kDirect},     {16, 32, 3, 33, 57, false, false, false, kWinograd},
    {64, 80, 5, 15, 31, false, false, false, kWinograd}, {64, 48, 3, 14, 22, false, false, true, kWinograd},
    {16, 48, 3, 5, 31, true, false, false, kDirect},     {64, 64, 5, 17, 29, true, false, false, kDirect},
    {96, 32, 5, 11, 7, true, true, false, kDirect},      {64, 64, 5, 17, 29, true, false, false, kWinograd},
    {96, 32, 5, 11, 7, true, true, false, kWinograd},    {33, 17, 3, 9, 135, true, true, false, kDirect},
    {16, 32, 3, 33, 57, false, false, false, kRows},     {64, 80, 5, 15, 31, false, false, false, kRows},
    {64, 64, 5, 17, 29, true, false, false, kRows},      {96, 32, 5, 11, 7, true, true, false, kRows},
};

/// Numbers that are the same everywhere, of about -2 to 2.
class Numbers {
 public:
  std::vector<float> next(std::size_t count, float scale = 1.0f) {
    std::vector<float> values(count);
    for (float& value : values) value = scale * (static_cast<float>(random_() % 4001) / 1000.0f - 2.0f);
    return values;
  }
  std::vector<std::uint8_t> codes(std::size_t count) {
    std::vector<std::uint8_t> values(count);
    for (std::uint8_t& value : values) value = static_cast<std::uint8_t>((random_() >> 7) % 4);
    return values;
  }

 private:
  std::minstd_rand random_{1};
};

std::size_t elements(int channels, Size size) { return static_cast<std::size_t>(channels) * size.area(); }

struct Result {
  std::vector<float> values;
  std::vector<std::uint8_t> codes;
};

Result computed(const Case& c, const std::string& isa, bool keep_ties) {
  Numbers numbers;
  const Size size = {c.height, c.width}, twice = {2 * c.height, 2 * c.width};
  const std::vector<float> input = numbers.next(elements(c.in, size)), add = numbers.next(elements(c.in, twice)),
                           bias = numbers.next(static_cast<std::size_t>(c.out)),
                           weight = numbers.next(static_cast<std::size_t>(c.in) * c.out * c.kernel * c.kernel,
                                                 1.0f / std::sqrt(static_cast<float>(c.in * c.kernel * c.kernel)));
  const std::vector<std::uint8_t> codes = numbers.codes(input.size());
  const cpu::ConvWeights weights = {c.in, c.out, c.kernel, weight.data(), bias.data()};
  const LayerOptions options = {cpu::kernels_named(isa), 2, true, c.algorithm, keep_ties};
  const Planes planes = {c.in, size, input.data()}, skip = c.adds ? Planes{c.in, twice, add.data()} : Planes{};
  const std::unique_ptr<SingleLayer> layer = c.unpools
                                                 ? make_unpool_conv2d(planes, codes.data(), skip, weights, options)
                                                 : make_conv2d(planes, weights, c.pools, options);
  layer->run();
  return {layer->values(), c.pools ? layer->codes() : std::vector<std::uint8_t>{}};
}

/// Codes may differ where two values of a window are equal to rounding: here there are at most a few of these.
bool agree(const Result& found, const Result& expected) {
  float worst = 0.0f;
  bool varies = false;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const float difference = std::abs(found.values[i] - expected.values[i]);
    if (!(difference <= worst)) worst = difference;  // NaN, too
    varies = varies || expected.values[i] != expected.values[0];
  }
  std::size_t others = 0;
  for (std::size_t i = 0; i < expected.codes.size(); ++i) others += found.codes[i] != expected.codes[i];
  const bool is_right = found.values.size() == expected.values.size() && worst <= kTolerance && others <= 3 &&
                        (varies || expected.values.size() < 10);
  std::printf(" %.1e, %zu codes differ%s\n", static_cast<double>(worst), others, is_right ? "" : "  WRONG");
  return is_right;
}

constexpr Case kQuantizedCases[] = {
    {4, 16, 3, 7, 9, false, false, false, kDirect},    {16, 48, 3, 6, 30, false, false, true, kDirect},
    {64, 33, 5, 13, 17, false, false, false, kDirect}, {3, 5, 1, 1, 1, false, false, false, kDirect},
    {96, 80, 1, 3, 129, false, false, false, kDirect}, {512, 17, 3, 4, 13, false, false, false, kDirect},
};

/// Whole numbers: `out_scale` 0 gives floats.
Result computed_in_int8(const Case& c, const std::string& isa, float out_scale) {
  std::minstd_rand random(1);
  const auto whole = [&](std::size_t count, int low) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(low + static_cast<int>(random() % (128 - low)));
    return values;
  };
  const Size size = {c.height, c.width};
  const std::vector<float> input = whole(elements(c.in, size), 0),
                           weight = whole(static_cast<std::size_t>(c.in) * c.out * c.kernel * c.kernel, -127);
  const std::vector<float> scale(static_cast<std::size_t>(c.out), 1e-4f), bias(scale.size(), 0.3f);
  const std::vector<std::int8_t> int8(weight.begin(), weight.end());
  const cpu::ConvWeights weights = {c.in, c.out, c.kernel, weight.data(), bias.data(), int8.data(), scale.data()};
  LayerOptions options = {cpu::kernels_named(isa), 2, true};
  options.quantized = true, options.out_scale = out_scale;
  const std::unique_ptr<SingleLayer> layer = make_conv2d({c.in, size, input.data()}, weights, c.pools, options);
  layer->run();
  return {layer->values(), c.pools ? layer->codes() : std::vector<std::uint8_t>{}};
}

void check_quantized_layers(const std::string& isa, int& checks, int& wrong) {
  for (const Case& c : kQuantizedCases)
    for (const float out_scale : {0.0f, 0.05f}) {
      const Result found = computed_in_int8(c, isa, out_scale), twin = computed_in_int8(c, "scalar", out_scale);
      const bool is_right = found.values == twin.values && found.codes == twin.codes;
      std::printf("%s: quantized %dx%d, %d to %d channels of %dx%d%s: %s\n", isa.c_str(), c.kernel, c.kernel, c.in,
                  c.out, c.height, c.width, c.pools ? ", pooled" : "", is_right ? "equal" : "  WRONG");
      ++checks;
      wrong += !is_right;
    }
}

int check_layers() {
  int checks = 0, wrong = 0;
  for (const std::string& isa : cpu::available_isas()) {
    if (isa == "scalar") continue;
    for (const Case& c : kCases)
      for (const bool keep_ties : {false, true}) {
        if (keep_ties && (c.algorithm != kWinograd || c.kernel != 3)) continue;
        std::printf("%s: %s%s %dx%d, %d to %d channels of %dx%d%s%s:", isa.c_str(),
                    c.algorithm == kDirect     ? "direct"
                    : c.algorithm == kWinograd ? "winograd"
                                               : "row winograd",
                    keep_ties ? " with ties" : "", c.kernel, c.kernel, c.in, c.out, c.height, c.width,
                    c.unpools ? (c.adds ? ", unpooled, added" : ", unpooled") : "", c.pools ? ", pooled" : "");
        ++checks;
        wrong += !agree(computed(c, isa, keep_ties), computed(c, "scalar", keep_ties));
      }
  }
  for (const std::string& isa : cpu::available_isas())
    if (isa != "scalar") check_quantized_layers(isa, checks, wrong);
  std::printf("%d checks, %d wrong\n", checks, wrong);
  return checks > 0 && wrong == 0 ? 0 : 1;
}

std::vector<std::uint8_t> bytes_of(const char* path, std::size_t count) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() != count)
    throw InvalidInput(std::string(path) + ": expected " + std::to_string(count) + " bytes, got " +
                       std::to_string(bytes.size()));
  return bytes;
}

int run_plan(char** arguments) {
  const Size size = {std::atoi(arguments[1]), std::atoi(arguments[2])};
  if (size.height < 1 || size.width < 1) throw InvalidInput("HEIGHT, WIDTH: expected at least 1");
  const std::vector<std::uint8_t> image = bytes_of(arguments[3], 3 * size.area()),
                                  trimap = bytes_of(arguments[4], size.area());
  std::vector<float> alpha(size.area());
  const Plan plan = read_plan(arguments[0]);
  const Matting matting(plan, std::make_unique<cpu::Runner>(plan, false, cpu::Options{}));
  MattingRequest request;
  request.image = {image.data(), size, 3 * size.width, 3, 1};
  request.trimap = {trimap.data(), size, size.width, 1};
  request.alpha = {alpha.data(), size, 4 * size.width, 4};
  matting.run(request);
  std::ofstream file(arguments[5], std::ios::binary);
  file.write(reinterpret_cast<const char*>(alpha.data()), static_cast<std::streamsize>(4 * alpha.size()));
  if (!file.flush()) throw Error(std::string(arguments[5]) + ": cannot be written");
  std::printf("%s, %s\n", cpu::default_kernels().isa.c_str(), arguments[5]);
  return 0;
}

}  // namespace
}  // namespace dim::testing

int main(int argc, char** argv) {
  if (argc != 1 && argc != 7) {
    std::fprintf(stderr, "usage: dim_cpu_check [PLAN HEIGHT WIDTH IMAGE TRIMAP ALPHA]\n");
    return 2;
  }
  try {
    return argc == 1 ? dim::testing::check_layers() : dim::testing::run_plan(argv + 1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dim_cpu_check: %s\n", error.what());
    return 1;
  }
}
