#include "tensorrt/foreground.h"

#include "cuda/kernels.h"

namespace dim::tensorrt {

template <typename T>
void ForegroundEstimator::enqueue(const cuda::MattedPicture<T>& picture, T* foreground, T* background) {
  const std::size_t bytes = cuda::foreground_workspace_bytes(picture.size);
  workspace_.reserve(bytes);
  check_cuda(
      cuda::estimate_foreground(picture, foreground, background, ForegroundOptions{}, workspace_.as<>(), stream_),
      "estimating the foreground's colors");
}

void ForegroundEstimator::run(const GpuForegroundTask& task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto caller = reinterpret_cast<cudaStream_t>(task.stream);
  check_cuda(cudaEventRecord(ready_, caller), "following the caller's stream");
  check_cuda(cudaStreamWaitEvent(stream_, ready_, 0), "following the caller's stream");
  const ImageView& image = task.image;
  const MapView& alpha = task.alpha;
  enqueue<std::uint8_t>({image.data, image.row_stride_bytes, image.pixel_stride_bytes, image.channel_stride_bytes,
                         alpha.data, alpha.row_stride_bytes, alpha.pixel_stride_bytes, image.size},
                        task.foreground, task.background);
  if (task.wait) {
    check_cuda(cudaStreamSynchronize(stream_), "estimating the foreground's colors");
  } else {
    check_cuda(cudaEventRecord(ready_, stream_), "handing the colors over");
    check_cuda(cudaStreamWaitEvent(caller, ready_, 0), "handing the colors over");
  }
}

template <typename T>
void ForegroundEstimator::run(const ForegroundTask<T>& task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t area = task.size.area(), colors = 3 * area;
  pictures_.reserve(area * sizeof(float) + 3 * colors * sizeof(T));
  float* const alpha = pictures_.as<float>();
  T* const image = reinterpret_cast<T*>(alpha + area);
  T *const foreground = image + colors, *const background = foreground + colors;
  const auto copy = [&](void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    check_cuda(cudaMemcpyAsync(to, from, bytes, kind, stream_), "copying a picture");
  };
  copy(alpha, task.alpha, area * sizeof(float), cudaMemcpyHostToDevice);
  copy(image, task.image, colors * sizeof(T), cudaMemcpyHostToDevice);
  const std::ptrdiff_t width = task.size.width, size = sizeof(T), alpha_size = sizeof(float);
  enqueue<T>({image, 3 * size * width, 3 * size, size, alpha, alpha_size * width, alpha_size, task.size}, foreground,
             background);
  copy(task.foreground, foreground, colors * sizeof(T), cudaMemcpyDeviceToHost);
  copy(task.background, background, colors * sizeof(T), cudaMemcpyDeviceToHost);
  check_cuda(cudaStreamSynchronize(stream_), "estimating the foreground's colors");
}

template void ForegroundEstimator::run(const ForegroundTask<float>&);
template void ForegroundEstimator::run(const ForegroundTask<std::uint8_t>&);

}  // namespace dim::tensorrt
