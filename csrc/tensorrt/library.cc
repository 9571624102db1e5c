#include "tensorrt/library.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <sstream>

#include "base/error.h"
#include "tensorrt/driver.h"
#include "tensorrt/finder.h"

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

template <typename Function>
Function* find(void* handle, const char* name) {
  return reinterpret_cast<Function*>(find_symbol(handle, name));
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
  Opened nvinfer, parser;
  Version version, module;
};

/// Why no module fits: another version, the lean runtime, or nothing at all.
std::string missing_library(const std::vector<Version>& modules, Finder& finder, Status& status) {
  std::string wanted;
  for (const Version& m : modules)
    wanted += (wanted.empty() ? "" : " or ") + ("libnvinfer.so." + std::to_string(m.major));
  for (int major = kNewestMajor; major >= 7; --major) {
    const std::string suffix = ".so." + std::to_string(major);
    if (const Opened other = finder.open("libnvinfer" + suffix); other.handle != nullptr) {
      status.version = library_version(other.handle).text(), status.path = other.path;
      return "TensorRT " + status.version +
             " is installed, but this build of dim_trt was made for another major "
             "version and needs " +
             wanted + "; rebuild dim_trt with the headers of that version, or " + kInstall;
    }
    if (const Opened lean = finder.open("libnvinfer_lean" + suffix); lean.handle != nullptr) {
      status.version = library_version(lean.handle).text(), status.path = lean.path;
      return "of TensorRT " + status.version +
             " only the lean runtime is installed, which can neither build plans nor "
             "run those of dim_trt; " +
             kInstall + " in full";
    }
  }
  if (!finder.trouble().empty())
    return "TensorRT is installed and cannot be loaded (" + finder.trouble() + "); install what is missing";
  return "TensorRT is not installed: " + wanted + " cannot be found; " + kInstall;
}

/// The newest TensorRT that has a module; if none is new enough for its module, the newest there is.
Found choose(const std::vector<Version>& modules, Finder& finder) {
  Found first;
  for (const Version& m : modules) {
    Found found;
    found.module = m;
    found.nvinfer = finder.open("libnvinfer.so." + std::to_string(m.major));
    if (found.nvinfer.handle == nullptr) continue;
    found.version = library_version(found.nvinfer.handle);
    if (found.version.minor >= m.minor) return found;
    if (first.nvinfer.handle == nullptr) first = found;
  }
  return first;
}

/// Opens the ONNX parser, which only building needs.
void find_parser(const std::vector<std::string>& folders, Found& found) {
  const std::string suffix = ".so." + std::to_string(found.module.major);
  Finder plugins(folders), parsers(folders);
  plugins.open("libnvinfer_plugin" + suffix);  // the parser names it, and in a folder would not find it
  found.parser = parsers.open("libnvonnxparser" + suffix);
  found.status.parser = found.parser.path;
  if (found.parser.handle != nullptr) return;
  std::string words = parsers.last_words();
  if (!plugins.trouble().empty() && plugins.trouble() != words) words += "; " + plugins.trouble();
  found.status.parser_problem = "the ONNX parser of TensorRT " + found.status.version +
                                ", which building needs, cannot be opened (" + words + "); install what is missing";
}

Found search(const std::vector<std::string>& folders) {
  const std::vector<Version> modules = compiled_versions();
  Finder finder(folders);
  Found found = choose(modules, finder);
  Status& status = found.status;
  for (const Version& m : modules) status.modules.push_back(m.text());
  if (modules.empty()) {
    status.problem =
        "this build of dim_trt has no TensorRT backend, and installing TensorRT adds none; build dim_trt from source "
        "where CUDA's nvcc is, with TENSORRT_ROOT set to a folder that has TensorRT's include/NvInfer.h";
    return found;
  }
  if (found.nvinfer.handle == nullptr) {
    status.problem = missing_library(modules, finder, status);
    return found;
  }
  status.version = found.version.text(), status.path = found.nvinfer.path;
  find_parser(folders, found);
  if (found.version.minor < found.module.minor)
    status.problem = "TensorRT " + status.version + " is installed, but this build of dim_trt needs " +
                     std::to_string(found.module.major) + "." + std::to_string(found.module.minor) +
                     " or newer; upgrade TensorRT, or rebuild dim_trt with the headers of your version";
  else if (!driver().problem.empty())
    status.problem = "TensorRT " + status.version + " is installed, but " + driver().problem +
                     "; it needs an NVIDIA GPU with its driver";
  return found;
}

/// What was found stays loaded and is not looked for again; where nothing usable was, each call looks anew.
Found search_once(const std::vector<std::string>& folders) {
  static std::mutex mutex;
  static std::map<std::vector<std::string>, Found> usable;  // by folders
  const std::lock_guard<std::mutex> lock(mutex);
  if (const auto known = usable.find(folders); known != usable.end()) return known->second;
  Found found = search(folders);
  if (found.status.available() && found.status.parser_problem.empty()) usable.emplace(folders, found);
  return found;
}

/// Opens the module of `found`; what is wrong with it is reported as the reason.
Module* open_module(const Found& found) {
  const std::string major = std::to_string(found.module.major), folder = own_folder();
  const std::string path = folder + "/libdim_trt_tensorrt." + major + ".so";
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw BackendUnavailable("the TensorRT backend cannot be opened: " + std::string(dlerror()));
  auto* open = reinterpret_cast<OpenModule>(dlsym(handle, kOpenModule));
  if (open == nullptr)
    throw BackendUnavailable("the TensorRT backend '" + path + "' is not one; install dim_trt again");
  Libraries libraries;
  libraries.nvinfer = found.nvinfer.handle;
  libraries.parser = found.parser.handle;
  libraries.version = found.status.version;
  libraries.parser_problem = found.status.parser_problem;
  libraries.plugins = folder + "/libdim_trt_plugins." + major + ".so";
  return open(libraries);
}

#endif  // __linux__

}  // namespace

#if defined(__linux__)

Status find_tensorrt(const std::vector<std::string>& folders) { return search_once(folders).status; }

Module& module(const std::vector<std::string>& folders) {
  static std::mutex mutex;
  static Module* opened = nullptr;  // lives as long as the process: TensorRT does not like to be unloaded
  const std::lock_guard<std::mutex> lock(mutex);
  if (opened == nullptr) {
    const Found found = search_once(folders);
    if (!found.status.available()) throw BackendUnavailable(found.status.problem);
    opened = open_module(found);
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
