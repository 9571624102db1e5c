#include "tensorrt/library.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <sstream>

#include "core/error.h"
#include "tensorrt/driver.h"

#if defined(__linux__)
#include <dlfcn.h>
#endif

#ifndef DIM_TENSORRT_VERSIONS
#define DIM_TENSORRT_VERSIONS ""
#endif

namespace dim::tensorrt {
namespace {

constexpr int kNewestMajor = 13;  // for the search for versions that have no module
constexpr char kInstall[] = "pip install 'tensorrt>=10.16,<12' installs it";

struct Version {
  int major = 0, minor = 0, patch = 0;

  std::string text() const { return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch); }
};

std::vector<Version> compiled_versions() {  // newest first
  std::vector<Version> versions;
  std::istringstream list(DIM_TENSORRT_VERSIONS);
  for (std::string text; std::getline(list, text, ',');) {
    Version v;
    if (std::sscanf(text.c_str(), "%d.%d.%d", &v.major, &v.minor, &v.patch) == 3) versions.push_back(v);
  }
  std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) { return a.major > b.major; });
  return versions;
}

#if defined(__linux__)

struct Opened {
  void* handle = nullptr;
  std::string path;
};

/// By the loader's own search, then in the folders.
Opened open_library(const std::string& name, const std::vector<std::string>& folders) {
  if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return {handle, name};
  for (const std::string& folder : folders)
    if (void* handle = dlopen((folder + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL))
      return {handle, folder + "/" + name};
  return {};
}

template <typename Function>
Function* find(void* handle, const char* name) {
  return reinterpret_cast<Function*>(dlsym(handle, name));
}

/// Of an opened libnvinfer, full or lean.
Version library_version(void* handle) {
  auto* get = find<int()>(handle, "getInferLibVersion");
  const int number = get != nullptr ? get() : 0;
  const int major = number >= 100000 ? number / 10000 : number / 1000;  // from 10 on one more digit
  return number >= 100000 ? Version{major, number / 100 % 100, number % 100}
                          : Version{major, number / 100 % 10, number % 100};
}

/// Folder of the library that holds this function, the modules' home.
std::string own_folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

struct Found {
  Status status;
  Opened nvinfer;
  Version module;
};

/// Why no module fits: another version, the lean runtime, or nothing at all.
std::string missing_library(const std::vector<Version>& modules, const std::vector<std::string>& folders,
                            Status& status) {
  std::string wanted;
  for (const Version& m : modules)
    wanted += (wanted.empty() ? "" : " or ") + ("libnvinfer.so." + std::to_string(m.major));
  for (int major = kNewestMajor; major >= 7; --major) {
    const std::string suffix = ".so." + std::to_string(major);
    if (const Opened other = open_library("libnvinfer" + suffix, folders); other.handle != nullptr) {
      status.version = library_version(other.handle).text(), status.path = other.path;
      return "TensorRT " + status.version +
             " is installed, but this build of dim_trt was made for another major "
             "version and needs " +
             wanted + "; rebuild dim_trt with the headers of that version, or " + kInstall;
    }
    if (const Opened lean = open_library("libnvinfer_lean" + suffix, folders); lean.handle != nullptr) {
      status.version = library_version(lean.handle).text(), status.path = lean.path;
      return "of TensorRT " + status.version +
             " only the lean runtime is installed, which can neither build plans nor "
             "run those of dim_trt; " +
             kInstall + " in full";
    }
  }
  return "TensorRT is not installed: " + wanted + " cannot be found; " + kInstall;
}

Found search(const std::vector<std::string>& folders) {
  Found found;
  const std::vector<Version> modules = compiled_versions();
  for (const Version& m : modules) found.status.modules.push_back(m.text());
  if (modules.empty()) {
    found.status.problem =
        "this build of dim_trt has no TensorRT backend; install CUDA's nvcc, and build dim_trt again with "
        "TENSORRT_ROOT set to a folder that has TensorRT's include/NvInfer.h";
    return found;
  }
  for (const Version& m : modules) {
    found.nvinfer = open_library("libnvinfer.so." + std::to_string(m.major), folders);
    found.module = m;
    if (found.nvinfer.handle != nullptr) break;
  }
  if (found.nvinfer.handle == nullptr) {
    found.status.problem = missing_library(modules, folders, found.status);
    return found;
  }
  const Version version = library_version(found.nvinfer.handle);
  found.status.version = version.text(), found.status.path = found.nvinfer.path;
  if (version.minor < found.module.minor)
    found.status.problem = "TensorRT " + version.text() + " is installed, but this build of dim_trt needs " +
                           std::to_string(found.module.major) + "." + std::to_string(found.module.minor) +
                           " or newer; upgrade TensorRT, or rebuild dim_trt with the headers of your version";
  else if (!driver().problem.empty())
    found.status.problem = "TensorRT " + version.text() + " is installed, but " + driver().problem +
                           "; it needs an NVIDIA GPU with its driver";
  return found;
}

/// Opens the module of `found`; what is wrong with it is reported as the reason.
Module* open_module(const Found& found, const std::vector<std::string>& folders) {
  const std::string major = std::to_string(found.module.major), folder = own_folder();
  const std::string path = folder + "/libdim_trt_tensorrt." + major + ".so";
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw BackendUnavailable("the TensorRT backend cannot be opened: " + std::string(dlerror()));
  auto* open = reinterpret_cast<OpenModule>(dlsym(handle, kOpenModule));
  if (open == nullptr)
    throw BackendUnavailable("the TensorRT backend '" + path + "' is not one; install dim_trt again");
  open_library("libnvinfer_plugin.so." + major, folders);  // the parser names it
  Libraries libraries;
  libraries.nvinfer = found.nvinfer.handle;
  libraries.parser = open_library("libnvonnxparser.so." + major, folders).handle;
  libraries.version = found.status.version;
  libraries.plugins = folder + "/libdim_trt_plugins." + major + ".so";
  return open(libraries);
}

#endif  // __linux__

}  // namespace

#if defined(__linux__)

Status find_tensorrt(const std::vector<std::string>& folders) { return search(folders).status; }

Module& module(const std::vector<std::string>& folders) {
  static std::mutex mutex;
  static Module* opened = nullptr;  // lives as long as the process: TensorRT does not like to be unloaded
  const std::lock_guard<std::mutex> lock(mutex);
  if (opened == nullptr) {
    const Found found = search(folders);
    if (!found.status.available()) throw BackendUnavailable(found.status.problem);
    opened = open_module(found, folders);
  }
  return *opened;
}

#else

Status find_tensorrt(const std::vector<std::string>&) {
  Status status;
  status.problem = "the TensorRT backend exists on Linux only";
  return status;
}

Module& module(const std::vector<std::string>& folders) { throw BackendUnavailable(find_tensorrt(folders).problem); }

#endif

}  // namespace dim::tensorrt
