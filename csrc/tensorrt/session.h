// What building and running share: the logger, TensorRT's entry points, the plugins.
#pragma once

#include <memory>
#include <string>

#include "tensorrt/compat.h"
#include "tensorrt/log.h"
#include "tensorrt/module.h"

namespace dim::tensorrt {

class Session {
 public:
  explicit Session(Libraries libraries) : libraries_(std::move(libraries)) {}

  /// With the plugins registered. Throw BackendUnavailable. There must be a GPU: without one TensorRT 11 returns bad
  /// pointers.
  std::unique_ptr<nvinfer1::IBuilder> builder();
  std::unique_ptr<nvinfer1::IRuntime> runtime();

  /// A C function of libnvinfer or libnvonnxparser. Throws BackendUnavailable.
  template <typename Function>
  Function* entry(void* library, const char* name) const {
    return reinterpret_cast<Function*>(symbol(library, name));
  }

  /// Into TensorRT's registry. Throws BackendUnavailable.
  void register_plugins(nvinfer1::IPluginRegistry& registry);

  const Libraries& libraries() const { return libraries_; }
  Log& log() { return log_; }

 private:
  void* symbol(void* library, const char* name) const;
  /// What the C function makes, with the plugins registered; `what` is for messages.
  template <typename Made>
  std::unique_ptr<Made> make(const char* function, const char* what);

  Libraries libraries_;
  Log log_;
};

/// While it lives, this thread's CUDA calls are for `gpu`; the caller may be using another. Throws
/// BackendUnavailable.
class GpuScope {
 public:
  explicit GpuScope(int gpu);
  ~GpuScope();
  GpuScope(const GpuScope&) = delete;
  GpuScope& operator=(const GpuScope&) = delete;

 private:
  int before_ = 0;
};

/// Throws Error with what was attempted, and CUDA's reason.
void check_cuda(int error, const char* attempt);

}  // namespace dim::tensorrt
