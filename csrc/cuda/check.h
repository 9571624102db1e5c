// What the parts of dim_cuda_check share: device memory, random data, comparison, the report.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cuda/types.h"

namespace dim::cuda::check {

/// Ends the program: the first failed call says more than what fails after it.
inline void require(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "dim_cuda_check: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

#define DIM_REQUIRE(call) ::dim::cuda::check::require((call), #call)

/// Memory starts out as bytes that no kernel writes, on both sides, so that what is left out or overrun shows.
inline constexpr int kUntouched = 0xcd;

template <typename T>
std::vector<T> untouched(std::size_t count) {
  std::vector<T> host(count);
  std::memset(static_cast<void*>(host.data()), kUntouched, count * sizeof(T));
  return host;
}

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    DIM_REQUIRE(cudaMalloc(&data_, count * sizeof(T)));
    DIM_REQUIRE(cudaMemset(data_, kUntouched, count * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& host) : DeviceArray(host.size()) {
    DIM_REQUIRE(cudaMemcpy(data_, host.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  std::vector<T> to_host() const {
    std::vector<T> host(count_);
    DIM_REQUIRE(cudaMemcpy(host.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

class Stream {
 public:
  Stream() { DIM_REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }  // NOLINT: it is one

 private:
  cudaStream_t stream_ = nullptr;
};

/// Runs what `launch(stream)` enqueues as a graph, once.
template <typename Launch>
void run_captured(Launch launch) {
  const Stream stream;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  DIM_REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  DIM_REQUIRE(launch(stream));
  DIM_REQUIRE(cudaStreamEndCapture(stream, &graph));
  DIM_REQUIRE(cudaGraphInstantiateWithFlags(&executable, graph, 0));
  DIM_REQUIRE(cudaGraphLaunch(executable, stream));
  DIM_REQUIRE(cudaStreamSynchronize(stream));
  DIM_REQUIRE(cudaGraphExecDestroy(executable));
  DIM_REQUIRE(cudaGraphDestroy(graph));
}

/// Few different values, so that ties are common, NaN and infinities among them.
template <typename T>
std::vector<T> random_map(std::size_t count, std::mt19937& random) {
  const float values[] = {0.0f, 0.0f, 0.0f, -0.0f, 1.0f, 0.3f, -1.5f, 6e4f, 1e-7f, INFINITY, -INFINITY, NAN};
  std::vector<T> map(count);
  for (T& v : map) v = from_float<T>(values[random() % (sizeof values / sizeof *values)]);
  return map;
}

template <typename T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}
inline bool same(float a, float b) { return same<float>(a, b) || (std::isnan(a) && std::isnan(b)); }
inline bool same(Half a, Half b) { return same<Half>(a, b) || same(to_float(a), to_float(b)); }

/// What was found: printed as it comes, kept as JSON objects for --json.
struct Report {
  std::vector<std::string> checks;
  std::vector<std::string> times;
  std::size_t mismatches = 0;

  void add(const char* kernel, const std::string& name, std::size_t values, std::size_t wrong) {
    mismatches += wrong;
    std::printf("%-16s %-60s %8zu values %6zu mismatches\n", kernel, name.c_str(), values, wrong);
    checks.push_back("{\"kernel\": \"" + std::string(kernel) + "\", \"case\": \"" + name +
                     "\", \"values\": " + std::to_string(values) + ", \"mismatches\": " + std::to_string(wrong) + "}");
  }

  /// Bit for bit, but any NaN is like another. A comparison of nothing counts as a mismatch.
  template <typename T>
  void compare(const char* kernel, const std::string& name, const DeviceArray<T>& device,
               const std::vector<T>& expected) {
    const std::vector<T> actual = device.to_host();
    std::size_t wrong = actual.empty() || actual.size() != expected.size();
    for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) wrong += !same(actual[i], expected[i]);
    add(kernel, name, actual.size(), wrong);
  }
};

void check_maps(Report& report);
void check_pictures(Report& report);
void check_foreground(Report& report);
void time_kernels(Report& report);

template <typename T>
constexpr Type type_of() {
  return sizeof(T) == sizeof(float) ? Type::kFloat32 : Type::kFloat16;
}
inline const char* name_of(Type type) { return type == Type::kFloat32 ? "float32" : "float16"; }
inline const char* name_of(Layout layout) { return layout == Layout::kLinear ? "linear" : "hwc8"; }
inline std::string name_of(MapShape s) {
  return std::to_string(s.n) + "x" + std::to_string(s.channels) + "x" + std::to_string(s.size.height) + "x" +
         std::to_string(s.size.width);
}

}  // namespace dim::cuda::check
