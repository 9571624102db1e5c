// Speed at the sizes of a 1080p picture, beside that of a copy, which is as fast as memory gets.
#include "cuda/check.h"
#include "cuda/kernels.h"

namespace dim::cuda::check {
namespace {

constexpr Size kPicture = {1080, 1920};
constexpr Size kPadded = {1088, 1920};

/// Median of some runs. They stay in order, and each is timed between events on the stream.
template <typename Launch>
float median_ms(Launch launch) {
  constexpr int kWarmup = 3, kRuns = 20;
  const Stream stream;
  cudaEvent_t start = nullptr, stop = nullptr;
  DIM_REQUIRE(cudaEventCreate(&start));
  DIM_REQUIRE(cudaEventCreate(&stop));
  std::vector<float> times;
  for (int i = 0; i < kWarmup + kRuns; ++i) {
    DIM_REQUIRE(cudaEventRecord(start, stream));
    DIM_REQUIRE(launch(stream));
    DIM_REQUIRE(cudaEventRecord(stop, stream));
    DIM_REQUIRE(cudaEventSynchronize(stop));
    float ms = 0;
    DIM_REQUIRE(cudaEventElapsedTime(&ms, start, stop));
    if (i >= kWarmup) times.push_back(ms);
  }
  DIM_REQUIRE(cudaEventDestroy(start));
  DIM_REQUIRE(cudaEventDestroy(stop));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// `bytes`: what the kernel must read and write at least.
template <typename Launch>
void time(const char* kernel, const std::string& name, std::size_t bytes, Report& report, Launch launch) {
  const float ms = median_ms(launch);
  const double gb_per_s = static_cast<double>(bytes) / (1e6 * ms);
  char record[256];
  std::snprintf(record, sizeof record,
                "{\"kernel\": \"%s\", \"case\": \"%s\", \"bytes\": %zu, \"latency_ms\": %.5f, \"gb_per_s\": %.1f}",
                kernel, name.c_str(), bytes, ms, gb_per_s);
  report.times.push_back(record);
  std::printf("%-16s %-40s %9.4f ms %8.1f GB/s\n", kernel, name.c_str(), ms, gb_per_s);
}

template <typename T>
void time_maps(MapShape full, Layout layout, Report& report) {
  const MapShape half = {full.n, full.channels, {full.size.height / 2, full.size.width / 2}};
  const std::size_t count = static_cast<std::size_t>(full.n) * full.channels * full.size.area();
  const DeviceArray<T> x(count), values(count / 4), codes(count / 4);
  const std::size_t bytes = count * sizeof(T) * 3 / 2;
  const std::string name = std::string(name_of(type_of<T>())) + " " + name_of(layout) + " " + name_of(full);
  time("max_pool_argmax", name, bytes, report, [&](cudaStream_t stream) {
    return max_pool_argmax(x.data(), values.data(), codes.data(), full, type_of<T>(), layout, stream);
  });
  time("index_unpool", name, bytes, report, [&](cudaStream_t stream) {
    return index_unpool(values.data(), codes.data(), x.data(), half, type_of<T>(), layout, stream);
  });
}

/// All pixels are unknown, so postprocessing reads all of the network's output.
template <typename T>
void time_pictures(Report& report) {
  const DeviceArray<std::uint8_t> img(3 * kPicture.area()), marks(kPicture.area());
  const DeviceArray<T> input(4 * kPadded.area());
  const DeviceArray<float> alpha(kPicture.area());
  const ImageView image = {img.data(), kPicture, 3 * kPicture.width, 3, 1};
  const ByteView trimap = {marks.data(), kPicture, kPicture.width, 1};
  const InputTransform transform = {{1, 2, 3}, {4, 5, 6}, {2, 1, 0}, 1.0f / 255, false, true, 4};
  const std::string name = std::string(name_of(type_of<T>())) + " " + to_string(kPicture);
  time("preprocess", name, 4 * (kPicture.area() + kPadded.area() * sizeof(T)), report, [&](cudaStream_t stream) {
    return preprocess(image, trimap, transform, input.data(), kPadded, type_of<T>(), stream);
  });
  const AlphaTarget target = {alpha.data(), AlphaType::kFloat32, kPicture, 4 * kPicture.width, 4};
  time("postprocess", name, kPicture.area() * (sizeof(T) + 1 + 4), report, [&](cudaStream_t stream) {
    return postprocess(input.data(), kPadded.width, type_of<T>(), trimap, target, stream);
  });
}

void time_box(Report& report) {
  const DeviceArray<std::uint8_t> marks(kPicture.area());
  const DeviceArray<Box> box(1);
  const ByteView trimap = {marks.data(), kPicture, kPicture.width, 1};
  time("unknown_box", to_string(kPicture), kPicture.area(), report,
       [&](cudaStream_t stream) { return unknown_box(trimap, box.data(), stream); });
}

void time_foreground(Report& report) {
  const DeviceArray<std::uint8_t> img(3 * kPicture.area()), foreground(3 * kPicture.area()),
      background(3 * kPicture.area());
  const DeviceArray<float> alpha(std::vector<float>(kPicture.area(), 0.5f));
  const DeviceArray<std::uint8_t> workspace(foreground_workspace_bytes(kPicture));
  const MattedPicture<std::uint8_t> picture = {img.data(),   3 * kPicture.width, 3, 1,
                                               alpha.data(), 4 * kPicture.width, 4, kPicture};
  time("foreground", to_string(kPicture), kPicture.area() * (3 + 4 + 3 + 3), report, [&](cudaStream_t stream) {
    return estimate_foreground(picture, foreground.data(), background.data(), ForegroundOptions{}, workspace.data(),
                               stream);
  });
}

}  // namespace

void time_kernels(Report& report) {
  constexpr std::size_t kCopyBytes = std::size_t{256} << 20;
  const DeviceArray<std::uint8_t> from(kCopyBytes), to(kCopyBytes);
  time("copy", "256 MiB", 2 * kCopyBytes, report, [&](cudaStream_t stream) {
    return cudaMemcpyAsync(to.data(), from.data(), kCopyBytes, cudaMemcpyDeviceToDevice, stream);
  });
  // the maps that VGG16 pools
  const MapShape maps[] = {
      {1, 64, {1088, 1920}}, {1, 128, {544, 960}}, {1, 256, {272, 480}}, {1, 512, {136, 240}}, {1, 512, {68, 120}}};
  for (const MapShape map : maps) {
    time_maps<float>(map, Layout::kLinear, report);
    time_maps<Half>(map, Layout::kLinear, report);
    time_maps<Half>(map, Layout::kHwc8, report);
  }
  time_pictures<float>(report);
  time_pictures<Half>(report);
  time_box(report);
  time_foreground(report);
}

}  // namespace dim::cuda::check
