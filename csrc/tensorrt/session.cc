#include "tensorrt/session.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include "base/error.h"

namespace dim::tensorrt {

void* Session::symbol(void* library, const char* name) const {
  void* found = dlsym(library, name);
  if (found == nullptr)
    throw BackendUnavailable(std::string(name) + " is missing: TensorRT " + libraries_.version +
                             " is not installed in full; install it again");
  return found;
}

void Session::register_plugins(nvinfer1::IPluginRegistry& registry) {
#if DIM_TENSORRT_V3
  if (registry.loadLibrary(libraries_.plugins.c_str()) == nullptr)
    throw BackendUnavailable("the plugins of '" + libraries_.plugins +
                             "' cannot be loaded: " + log_.take("TensorRT does not say why"));
#else
  using GetCreators = nvinfer1::IPluginCreator* const* (*)(int32_t&);
  void* library = dlopen(libraries_.plugins.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto get_creators = library != nullptr ? reinterpret_cast<GetCreators>(dlsym(library, "getCreators")) : nullptr;
  if (get_creators == nullptr)
    throw BackendUnavailable("the plugins of '" + libraries_.plugins + "' cannot be loaded: " + dlerror());
  int32_t count = 0;
  nvinfer1::IPluginCreator* const* creators = get_creators(count);
  for (int32_t i = 0; i < count; ++i) {
    nvinfer1::IPluginCreator& creator = *creators[i];
    const char* name_space = creator.getPluginNamespace();
    if (registry.getPluginCreator(creator.getPluginName(), creator.getPluginVersion(), name_space) == nullptr)
      registry.registerCreator(creator, name_space);
  }
#endif
}

template <typename Made>
std::unique_ptr<Made> Session::make(const char* function, const char* what) {
  auto* create = entry<void*(void*, int32_t)>(libraries_.nvinfer, function);
  std::unique_ptr<Made> made(static_cast<Made*>(create(&log_, NV_TENSORRT_VERSION)));
  if (!made)
    throw BackendUnavailable(std::string("TensorRT's ") + what +
                             " does not start: " + log_.take("it does not say why"));
#if DIM_TENSORRT_V3
  register_plugins(made->getPluginRegistry());
#else  // one registry for the whole process
  register_plugins(*entry<nvinfer1::IPluginRegistry*()>(libraries_.nvinfer, "getPluginRegistry")());
#endif
  return made;
}

std::unique_ptr<nvinfer1::IBuilder> Session::builder() {
  return make<nvinfer1::IBuilder>("createInferBuilder_INTERNAL", "builder");
}

std::unique_ptr<nvinfer1::IRuntime> Session::runtime() {
  return make<nvinfer1::IRuntime>("createInferRuntime_INTERNAL", "runtime");
}

GpuScope::GpuScope(int gpu) {
  int count = 0;
  const cudaError_t counted = cudaGetDeviceCount(&count);
  if (counted != cudaSuccess)
    throw BackendUnavailable(std::string("CUDA finds no GPU: ") + cudaGetErrorString(counted) +
                             "; install or update the NVIDIA driver");
  if (gpu >= count)
    throw BackendUnavailable("device 'cuda:" + std::to_string(gpu) + "': this machine has " + std::to_string(count) +
                             (count == 1 ? " GPU" : " GPUs") + ", numbered from 0");
  check_cuda(cudaGetDevice(&before_), "asking for the GPU in use");
  check_cuda(cudaSetDevice(gpu), "choosing the GPU");
}

GpuScope::~GpuScope() { cudaSetDevice(before_); }

void check_cuda(int error, const char* attempt) {
  if (error == cudaSuccess) return;
  const auto code = static_cast<cudaError_t>(error);
  cudaGetLastError();  // an error that was reported must not be found again
  const std::string remedy = code == cudaErrorMemoryAllocation
                                 ? "; close other programs on the GPU, use smaller pictures or a smaller max_concurrent"
                                 : "";
  throw Error(std::string(attempt) + " failed on the GPU: " + cudaGetErrorString(code) + remedy);
}

}  // namespace dim::tensorrt
