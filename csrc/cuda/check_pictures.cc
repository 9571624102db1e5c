// Preprocessing, postprocessing and the unknown box: memory orders, odd sizes, padding wider than the picture.
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/reference.h"

namespace dim::cuda::check {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::size_t count, std::mt19937& random) {
  Bytes bytes(count);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random());
  return bytes;
}

/// Half of it known.
Bytes random_trimap(std::size_t count, std::mt19937& random) {
  Bytes marks = random_bytes(count, random);
  for (std::uint8_t& mark : marks)
    if (mark % 2 != 0) mark = mark % 4 != 1 ? kKnownOne : kKnownZero;
  return marks;
}

struct PictureCase {
  Size size, padded;

  std::string name(Type type) const {
    return std::string(name_of(type)) + " " + to_string(size) + " in " + to_string(padded);
  }
  // stored column by column
  ByteView trimap(const std::uint8_t* data) const { return {data, size, 1, size.height}; }
};

/// The picture in each memory order; `first` is where its first pixel is.
template <typename T>
void check_preprocess(const PictureCase& c, std::mt19937& random, Report& report) {
  const std::ptrdiff_t height = c.size.height, width = c.size.width, area = height * width;
  const struct {
    const char* name;
    std::ptrdiff_t first, row, pixel, channel;
  } orders[] = {{"interleaved", 0, 3 * width, 3, 1},
                {"planar", 0, width, 1, area},
                {"upside down", 3 * width * (height - 1), -3 * width, 3, 1},
                {"mirrored", 3 * (width - 1) + 2, 3 * width, -3, -1}};
  const InputTransform transform = {
      {123.675f, 116.28f, 103.53f}, {58.395f, 57.12f, 57.375f}, {2, 1, 0}, 1.0f / 255, false, true, 4};
  const Bytes img = random_bytes(3 * c.size.area(), random), marks = random_trimap(c.size.area(), random);
  const DeviceArray<std::uint8_t> device_img(img), device_marks(marks);
  for (const auto& order : orders) {
    const auto image = [&](const std::uint8_t* data) {
      return ImageView{data + order.first, c.size, order.row, order.pixel, order.channel};
    };
    std::vector<T> input = untouched<T>(4 * c.padded.area());
    const DeviceArray<T> device_input(input.size());
    run_captured([&](cudaStream_t stream) {
      return preprocess(image(device_img.data()), c.trimap(device_marks.data()), transform, device_input.data(),
                        c.padded, type_of<T>(), stream);
    });
    reference::preprocess(image(img.data()), c.trimap(marks.data()), transform, input.data(), c.padded);
    report.compare("preprocess", c.name(type_of<T>()) + " " + order.name, device_input, input);
  }
}

/// Alpha is written bottom up, into every second element of a row.
template <typename T, typename Alpha>
void check_postprocess(const PictureCase& c, AlphaType type, std::mt19937& random, Report& report, bool adds = false) {
  const std::ptrdiff_t row = 2 * c.size.width, step = sizeof(Alpha);
  const auto target = [&](Alpha* data) {
    AlphaTarget whole = {data + (c.size.height - 1) * row, type, c.size, -row * step, 2 * step};
    if (adds) whole.share = 0.125f, whole.adds = true;
    return whole;
  };
  const Bytes marks = random_trimap(c.size.area(), random);
  const std::vector<T> network = random_map<T>(c.padded.area(), random);
  std::vector<Alpha> alpha = untouched<Alpha>(2 * c.size.area());
  const DeviceArray<std::uint8_t> device_marks(marks);
  const DeviceArray<T> device_network(network);
  const DeviceArray<Alpha> device_alpha(alpha.size());
  run_captured([&](cudaStream_t stream) {
    return postprocess(device_network.data(), c.padded.width, type_of<T>(), c.trimap(device_marks.data()),
                       target(device_alpha.data()), stream);
  });
  reference::postprocess(network.data(), c.padded.width, c.trimap(marks.data()), target(alpha.data()));
  const char* const to = type == AlphaType::kUint8 ? " to uint8" : adds ? " added to float32" : " to float32";
  report.compare("postprocess", c.name(type_of<T>()) + to, device_alpha, alpha);
}

/// `unknown_of_1024` of the pixels are unknown.
void check_box(Size size, unsigned unknown_of_1024, std::mt19937& random, Report& report) {
  Bytes marks(size.area());
  for (std::uint8_t& mark : marks)
    mark = random() % 1024 < unknown_of_1024 ? 77 : random() % 2 ? kKnownOne : kKnownZero;
  const auto trimap = [&](const std::uint8_t* data) { return ByteView{data, size, size.width, 1}; };
  const DeviceArray<std::uint8_t> device_marks(marks);
  const DeviceArray<Box> device_box(1);
  run_captured(
      [&](cudaStream_t stream) { return unknown_box(trimap(device_marks.data()), device_box.data(), stream); });
  report.compare("unknown_box", to_string(size) + " " + std::to_string(unknown_of_1024) + "/1024 unknown", device_box,
                 std::vector<Box>{reference::unknown_box(trimap(marks.data()))});
}

}  // namespace

void check_pictures(Report& report) {
  std::mt19937 random(2);
  const PictureCase cases[] = {{{1, 1}, {32, 32}},
                               {{3, 2}, {32, 32}},
                               {{7, 301}, {32, 320}},
                               {{269, 483}, {288, 512}},
                               {{70001, 3}, {70016, 32}}};
  for (const PictureCase& c : cases) {
    check_preprocess<float>(c, random, report);
    check_preprocess<Half>(c, random, report);
    check_postprocess<float, float>(c, AlphaType::kFloat32, random, report);
    check_postprocess<float, std::uint8_t>(c, AlphaType::kUint8, random, report);
    check_postprocess<float, float>(c, AlphaType::kFloat32, random, report, true);
    check_postprocess<Half, float>(c, AlphaType::kFloat32, random, report);
    check_postprocess<Half, std::uint8_t>(c, AlphaType::kUint8, random, report);
    for (const unsigned share : {0u, 1u, 30u, 1024u}) check_box(c.size, share, random, report);
  }
}

}  // namespace dim::cuda::check
