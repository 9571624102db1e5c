// What the package's core asks of TensorRT. The answer is a library of its own for each major version of TensorRT
// (the classes of two versions have different layouts), opened when TensorRT is there: see library.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/size.h"
#include "core/backend.h"
#include "core/plan.h"

namespace dim::tensorrt {

struct BuildRequest {
  std::vector<std::uint8_t> onnx;  // precisions are in its types
  std::string precision;           // "fp32", "fp16", "int8"
  /// Of the file's tensors, "fp16" or "fp32": what TensorRT 8 is told beside the file (typing.h).
  std::map<std::string, std::string> types;
  Size min, opt, max;  // of the network's input, multiples of its stride
  std::size_t workspace_bytes = 0;
  int optimization_level = 3;
  int gpu = 0;
  std::vector<std::uint8_t> timing_cache;  // of an earlier build; may be empty
  /// Is told about every step of every phase, from TensorRT's threads; false stops the build.
  std::function<bool(const std::string& phase, int step, int steps)> progress;
};

struct BuildResult {
  std::vector<std::uint8_t> engine;
  std::vector<std::uint8_t> timing_cache;
  std::string layers;  // JSON of TensorRT's engine inspector
};

/// How plans are run.
struct LoadOptions {
  int gpu = 0;
  bool crop = true;        // run only the window that the unknown pixels need
  int max_concurrent = 2;  // runs at a time, one copies while the other computes; each has its own memory on the GPU
  bool cuda_graphs = true;
  std::vector<std::string> folders;  // where TensorRT's libraries may be, besides the loader's path
};

class Module {
 public:
  virtual ~Module() = default;

  /// Throws BuildError, BackendUnavailable.
  virtual BuildResult build(const BuildRequest& request) = 0;
  /// `rgb`: channel order of the pictures. Throws PlanError, BackendUnavailable.
  virtual std::unique_ptr<Backend> load(const Plan& plan, bool rgb, const LoadOptions& options) = 0;
};

/// Where a module finds TensorRT. Handles are those of dlopen.
struct Libraries {
  void* nvinfer = nullptr;
  void* parser = nullptr;      // only for building
  std::string parser_problem;  // why it is null, one sentence
  std::string version;         // of nvinfer, "10.16.0"
  std::string plugins;         // path of the plugin library
};

using OpenModule = Module* (*)(const Libraries& libraries);
inline constexpr char kOpenModule[] = "dim_trt_open_module";

}  // namespace dim::tensorrt
