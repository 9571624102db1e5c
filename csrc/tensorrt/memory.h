// Owners of CUDA's things. Making one throws Error; destroying one never does.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "tensorrt/session.h"

namespace dim::tensorrt {

/// Memory that grows: `reserve` keeps what is there if it is large enough, else its contents are lost.
template <cudaError_t (*Allocate)(void**, std::size_t), cudaError_t (*Free)(void*)>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Free(data_); }

  /// True if the address has changed.
  bool reserve(std::size_t bytes) {
    if (bytes <= bytes_) return false;
    Free(std::exchange(data_, nullptr));
    bytes_ = 0;
    check_cuda(Allocate(&data_, bytes), "reserving memory");
    bytes_ = bytes;
    return true;
  }
  template <typename T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

inline cudaError_t allocate_on_gpu(void** data, std::size_t bytes) { return cudaMalloc(data, bytes); }
inline cudaError_t allocate_pinned(void** data, std::size_t bytes) { return cudaMallocHost(data, bytes); }
inline cudaError_t free_on_gpu(void* data) { return cudaFree(data); }
inline cudaError_t free_pinned(void* data) { return cudaFreeHost(data); }

using GpuBuffer = Buffer<allocate_on_gpu, free_on_gpu>;
using PinnedBuffer = Buffer<allocate_pinned, free_pinned>;  // copies to and from it need not wait

class Stream {
 public:
  Stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  explicit Event(unsigned flags = cudaEventDisableTiming) {
    check_cuda(cudaEventCreateWithFlags(&event_, flags), "making an event");
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A recorded sequence of kernels.
class Graph {
 public:
  Graph() = default;
  Graph(Graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    return *this;
  }
  ~Graph() {
    if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
  }

  /// What `enqueue` puts on `stream`; empty where that cannot be captured.
  template <typename Enqueue>
  static Graph capture(cudaStream_t stream, Enqueue enqueue) {
    Graph captured;
    cudaGraph_t graph = nullptr;
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
      const bool enqueued = enqueue();
      if (cudaStreamEndCapture(stream, &graph) == cudaSuccess && enqueued && graph != nullptr &&
          cudaGraphInstantiateWithFlags(&captured.executable_, graph, 0) != cudaSuccess)
        captured.executable_ = nullptr;
    }
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();  // a failed capture is no error: the caller goes on without
    return captured;
  }
  explicit operator bool() const { return executable_ != nullptr; }
  void launch(cudaStream_t stream) const { check_cuda(cudaGraphLaunch(executable_, stream), "running the network"); }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace dim::tensorrt
