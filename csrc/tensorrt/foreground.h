// The colors under a matte, on the GPU.
#pragma once

#include <mutex>

#include "core/backend.h"
#include "cuda/foreground.h"
#include "tensorrt/memory.h"

namespace dim::tensorrt {

/// One at a time: a call's kernels fill the GPU. The caller has chosen the device.
class ForegroundEstimator {
 public:
  void run(const GpuForegroundTask& task);
  template <typename T>
  void run(const ForegroundTask<T>& task);  // host memory

 private:
  template <typename T>
  void enqueue(const cuda::MattedPicture<T>& picture, T* foreground, T* background);

  std::mutex mutex_;
  Stream stream_;
  Event ready_;
  GpuBuffer workspace_, pictures_;
};

extern template void ForegroundEstimator::run(const ForegroundTask<float>&);
extern template void ForegroundEstimator::run(const ForegroundTask<std::uint8_t>&);

}  // namespace dim::tensorrt
