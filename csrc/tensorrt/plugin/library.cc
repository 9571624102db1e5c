// The plugin library: what trtexec (--dynamicPlugins, --plugins) and this project's backend load.
// It needs no symbol of TensorRT, so it loads into any program that has one.
#if defined(__linux__)
#include <dlfcn.h>
#endif

#include "tensorrt/compat.h"
#if DIM_TENSORRT_V3
#include "tensorrt/plugin/plugin_v3.h"
#else
#include "tensorrt/plugin/plugin_v2.h"
#endif

namespace dim::tensorrt {
namespace {

Creator<MaxPoolArgmax> max_pool_argmax_creator;
Creator<IndexUnpool> index_unpool_creator;
CreatorInterface* const creators[] = {&max_pool_argmax_creator, &index_unpool_creator};

#if !DIM_TENSORRT_V3
// TensorRT 8 knows no getCreators: a library registers its plugins while it is loaded, with whichever TensorRT is
// there.
struct RegisterOnLoad {
  RegisterOnLoad() {
    const auto registry = reinterpret_cast<nvinfer1::IPluginRegistry* (*)()>(dlsym(RTLD_DEFAULT, "getPluginRegistry"));
    if (registry == nullptr) return;
    for (CreatorInterface* creator : creators) registry()->registerCreator(*creator, kPluginNamespace);
  }
} register_on_load;
#endif

}  // namespace
}  // namespace dim::tensorrt

#define DIM_EXPORT extern "C" __attribute__((visibility("default")))

DIM_EXPORT dim::tensorrt::CreatorInterface* const* getCreators(int32_t& count) {
  count = 2;
  return dim::tensorrt::creators;
}

// TensorRT hands over its logger here; these plugins have nothing to say.
DIM_EXPORT void setLoggerFinder(void*) {}
