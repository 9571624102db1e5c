#include "tensorrt/finder.h"

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace dim::tensorrt {

Opened Finder::open(const std::string& name) {
  if (void* handle = try_open(name)) return {handle, name};
  for (const std::string& folder : folders_)
    if (void* handle = try_open(folder + "/" + name)) return {handle, folder + "/" + name};
  return {};
}

#if defined(__linux__)

/// Functions are looked up when they are called: TensorRT's libraries name many of others that are never used here.
void* Finder::try_open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  const char* reason = dlerror();
  const std::string words = reason != nullptr ? reason : path + ": the loader does not say why";
  const bool is_absent = words.find(path + ": cannot open shared object file") != std::string::npos;
  if (!is_absent) trouble_ = words;
  if (!is_absent || last_words_.empty()) last_words_ = words;
  return nullptr;
}

void* find_symbol(void* handle, const char* name) { return dlsym(handle, name); }

#else

void* Finder::try_open(const std::string&) { return nullptr; }

void* find_symbol(void*, const char*) { return nullptr; }

#endif

}  // namespace dim::tensorrt
