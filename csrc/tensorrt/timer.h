// Times of the steps of one run, where the caller wants them.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <string>

#include "core/backend.h"
#include "tensorrt/session.h"

namespace dim::tensorrt {

class Timer {
 public:
  /// Does nothing where `trace` is null. Otherwise every mark waits for the stream, so a timed run overlaps nothing.
  Timer(cudaStream_t stream, Trace* trace) : stream_(stream), trace_(trace), last_(Clock::now()) {}

  void mark(const char* step) {
    if (trace_ == nullptr) return;
    check_cuda(cudaStreamSynchronize(stream_), step);
    const Clock::time_point now = Clock::now();
    trace_->add(step, std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  cudaStream_t stream_;
  Trace* trace_;
  Clock::time_point last_;
};

}  // namespace dim::tensorrt
