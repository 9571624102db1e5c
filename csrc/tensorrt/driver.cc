#include "tensorrt/driver.h"

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace dim::tensorrt {
namespace {

#if defined(__linux__)

// From the CUDA driver API, whose C functions and numbers are fixed.
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
using Device = int;

/// The functions of libcuda that are needed here.
struct DriverLibrary {
  void* handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

  template <typename Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(handle, name));
  }
};

std::string error_name(const DriverLibrary& cuda, int code) {
  const char* name = nullptr;
  if (auto* get_name = cuda.find<int(int, const char**)>("cuGetErrorName")) get_name(code, &name);
  return name != nullptr ? name : "CUDA error " + std::to_string(code);
}

std::vector<Gpu> list_gpus(const DriverLibrary& cuda, int count) {
  auto* get_device = cuda.find<int(Device*, int)>("cuDeviceGet");
  auto* get_name = cuda.find<int(char*, int, Device)>("cuDeviceGetName");
  auto* get_attribute = cuda.find<int(int*, int, Device)>("cuDeviceGetAttribute");
  auto* get_memory = cuda.find<int(std::size_t*, Device)>("cuDeviceTotalMem_v2");
  std::vector<Gpu> gpus;
  for (int i = 0; i < count && get_device && get_name && get_attribute && get_memory; ++i) {
    Device device = 0;
    char name[256] = "";
    Gpu gpu;
    if (get_device(&device, i) != 0) break;
    get_name(name, sizeof name, device);
    get_attribute(&gpu.sm_major, kComputeCapabilityMajor, device);
    get_attribute(&gpu.sm_minor, kComputeCapabilityMinor, device);
    get_memory(&gpu.memory_bytes, device);
    gpu.name = name;
    gpus.push_back(gpu);
  }
  return gpus;
}

Driver ask() {
  Driver found;
  const DriverLibrary cuda;
  if (cuda.handle == nullptr) {
    found.problem = "there is no NVIDIA driver (libcuda.so.1 cannot be opened)";
    return found;
  }
  auto* init = cuda.find<int(unsigned)>("cuInit");
  auto* get_version = cuda.find<int(int*)>("cuDriverGetVersion");
  auto* get_count = cuda.find<int(int*)>("cuDeviceGetCount");
  if (init == nullptr || get_version == nullptr || get_count == nullptr) {
    found.problem = "the NVIDIA driver's libcuda.so.1 is not what it should be (cuInit is missing)";
    return found;
  }
  get_version(&found.cuda_version);
  int count = 0;
  int error = init(0);
  if (error == 0) error = get_count(&count);
  if (error != 0) {
    found.problem = "the NVIDIA driver finds no GPU (" + error_name(cuda, error) + ")";
    return found;
  }
  found.gpus = list_gpus(cuda, count);
  if (found.gpus.empty()) found.problem = "the NVIDIA driver finds no GPU";
  return found;
}

#else

Driver ask() { return {{}, 0, "GPUs are supported on Linux only"}; }

#endif

}  // namespace

const Driver& driver() {
  static const Driver found = ask();
  return found;
}

}  // namespace dim::tensorrt
