// Times of the steps of one run, where the caller wants them.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/backend.h"
#include "tensorrt/session.h"

namespace dim::tensorrt {

class Timer {
 public:
  /// Does nothing where `times` is null. Otherwise every mark waits for the stream, so a timed run overlaps nothing.
  Timer(cudaStream_t stream, std::vector<StepTime>* times) : stream_(stream), times_(times), last_(Clock::now()) {}

  void mark(const char* step) {
    if (times_ == nullptr) return;
    check_cuda(cudaStreamSynchronize(stream_), step);
    const Clock::time_point now = Clock::now();
    times_->push_back({step, std::chrono::duration<double, std::milli>(now - last_).count()});
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  cudaStream_t stream_;
  std::vector<StepTime>* times_;
  Clock::time_point last_;
};

}  // namespace dim::tensorrt
