// Whether TensorRT's registry, of a library that is here, takes our plugins; it needs no GPU for that.
#include <dlfcn.h>

#include "base/error.h"
#include "tensorrt/check.h"
#include "tensorrt/plugin/operations.h"
#include "tensorrt/session.h"

namespace dim::tensorrt {

void check_registry(Checks& checks, const std::string& nvinfer, const std::string& plugins) {
  Libraries libraries;
  libraries.nvinfer = dlopen(nvinfer.c_str(), RTLD_LAZY | RTLD_LOCAL);
  libraries.plugins = plugins;
  if (libraries.nvinfer == nullptr) return checks.expect("opening " + nvinfer, "a library", dlerror());
  Session session(libraries);
  auto& registry = *session.entry<nvinfer1::IPluginRegistry*()>(libraries.nvinfer, "getPluginRegistry")();
  try {
    session.register_plugins(registry);
  } catch (const Error& failure) {
    return checks.expect("registering the plugins", "nothing to complain about", failure.what());
  }
  for (const char* name : {MaxPoolArgmax::kName, IndexUnpool::kName}) {
#if DIM_TENSORRT_V3
    const bool is_there = registry.getCreator(name, kPluginVersion, kPluginNamespace) != nullptr;
#else
    auto* creator = registry.getPluginCreator(name, kPluginVersion, kPluginNamespace);
    auto* plugin = creator != nullptr ? creator->createPlugin(name, creator->getFieldNames()) : nullptr;
    const bool is_there = plugin != nullptr;
    if (is_there) plugin->destroy();
#endif
    checks.expect(std::string(name) + " in the registry", "yes", is_there ? "yes" : "no");
  }
}

}  // namespace dim::tensorrt
