// The colors under a matte: picture and matte in other memory orders, sizes of one pixel, level and border.
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/reference.h"

namespace dim::cuda::check {
namespace {

/// Known in parts, mixed in others.
std::vector<float> random_alpha(std::size_t count, std::mt19937& random) {
  std::vector<float> alpha(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(random() % 1025) / 1024.0f;
    alpha[i] = i / 7 % 3 == 0 ? 0.0f : i / 7 % 3 == 1 ? 1.0f : value;
  }
  return alpha;
}

template <typename T>
T random_color(std::mt19937& random) {
  return sizeof(T) == 1 ? static_cast<T>(random()) : static_cast<T>(static_cast<float>(random() % 4096) / 4095.0f);
}

/// The means of the colors are sums in another order, so a few values may be off by their last bit.
template <typename T>
std::size_t count_wrong(const std::vector<T>& actual, const std::vector<T>& expected) {
  std::size_t wrong = actual.empty() || actual.size() != expected.size();
  const float tolerance = sizeof(T) == 1 ? 1.0f : 1e-5f;
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i)
    wrong += !(std::abs(static_cast<float>(actual[i]) - static_cast<float>(expected[i])) <= tolerance);
  return wrong;
}

/// The picture is planar and upside down, the matte stored column by column.
template <typename T>
void check(Size size, std::mt19937& random, Report& report) {
  const std::ptrdiff_t height = size.height, width = size.width, area = height * width, bytes = sizeof(T);
  std::vector<T> img(3 * size.area());
  for (T& value : img) value = random_color<T>(random);
  const std::vector<float> alpha = random_alpha(size.area(), random);
  const auto picture = [&](const T* image, const float* matte) {
    return MattedPicture<T>{image + width * (height - 1),
                            -width * bytes,
                            bytes,
                            area * bytes,
                            matte,
                            sizeof(float),
                            static_cast<std::ptrdiff_t>(sizeof(float)) * height,
                            size};
  };
  const DeviceArray<T> device_img(img), foreground(img.size()), background(img.size());
  const DeviceArray<float> device_alpha(alpha);
  const DeviceArray<std::uint8_t> workspace(foreground_workspace_bytes(size));
  run_captured([&](cudaStream_t stream) {
    return estimate_foreground(picture(device_img.data(), device_alpha.data()), foreground.data(), background.data(),
                               ForegroundOptions{}, workspace.data(), stream);
  });
  std::vector<T> expected_foreground(img.size()), expected_background(img.size());
  reference::estimate_foreground(picture(img.data(), alpha.data()), expected_foreground.data(),
                                 expected_background.data(), ForegroundOptions{});
  const std::string name = (bytes == 1 ? "uint8 " : "float32 ") + to_string(size);
  report.add("foreground", name, img.size(), count_wrong(foreground.to_host(), expected_foreground));
  report.add("background", name, img.size(), count_wrong(background.to_host(), expected_background));
}

}  // namespace

void check_foreground(Report& report) {
  std::mt19937 random(3);
  for (const Size size : {Size{1, 1}, {1, 57}, {31, 32}, {33, 31}, {269, 483}, {2001, 3}}) {
    check<std::uint8_t>(size, random, report);
    check<float>(size, random, report);
  }
}

}  // namespace dim::cuda::check
