// TensorRT: what is here, and building.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "tensorrt/driver.h"
#include "tensorrt/library.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;
using Folders = std::vector<std::string>;
using Sides = std::pair<int, int>;
using Types = std::map<std::string, std::string>;

std::vector<std::uint8_t> bytes_of(const py::bytes& bytes) {
  const auto view = static_cast<std::string_view>(bytes);
  return {view.begin(), view.end()};
}

py::bytes to_bytes(const std::vector<std::uint8_t>& data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

py::dict capabilities(const Folders& folders) {
  const tensorrt::Status status = unlocked([&] { return tensorrt::find_tensorrt(folders); });
  return py::dict("available"_a = status.available(), "problem"_a = status.problem, "modules"_a = status.modules,
                  "version"_a = status.version, "path"_a = status.path, "parser"_a = status.parser,
                  "parser_problem"_a = status.parser_problem);
}

py::dict gpus() {
  const tensorrt::Driver& driver = unlocked([]() -> const tensorrt::Driver& { return tensorrt::driver(); });
  py::list devices;
  for (const tensorrt::Gpu& gpu : driver.gpus)
    devices.append(py::dict("name"_a = gpu.name, "sm"_a = gpu.sm(), "memory_bytes"_a = gpu.memory_bytes));
  const std::string cuda = driver.cuda_version == 0 ? ""
                                                    : std::to_string(driver.cuda_version / 1000) + "." +
                                                          std::to_string(driver.cuda_version % 1000 / 10);
  return py::dict("available"_a = driver.problem.empty(), "problem"_a = driver.problem, "devices"_a = devices,
                  "driver_cuda"_a = cuda);
}

py::dict build(const py::bytes& onnx, const std::string& precision, const Types& types, Sides min, Sides opt, Sides max,
               std::size_t workspace_bytes, int optimization_level, int gpu, const py::bytes& timing_cache,
               const py::object& progress, const Folders& folders) {
  tensorrt::BuildRequest request;
  request.onnx = bytes_of(onnx), request.timing_cache = bytes_of(timing_cache);
  request.precision = precision, request.types = types;
  const auto size = [](Sides sides) { return Size{sides.first, sides.second}; };
  request.min = size(min), request.opt = size(opt), request.max = size(max);
  request.workspace_bytes = workspace_bytes, request.optimization_level = optimization_level, request.gpu = gpu;
  std::exception_ptr raised;  // by Python, Ctrl-C included: TensorRT only learns that it has to stop
  if (!progress.is_none())
    request.progress = [&](const std::string& phase, int step, int steps) {
      const py::gil_scoped_acquire gil;
      try {
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        return progress(phase, step, steps).cast<bool>();
      } catch (...) {
        raised = std::current_exception();
        return false;
      }
    };
  tensorrt::BuildResult result;
  try {
    result = unlocked([&] { return tensorrt::module(folders).build(request); });
  } catch (const BuildError&) {
    if (raised) std::rethrow_exception(raised);
    throw;
  }
  return py::dict("engine"_a = to_bytes(result.engine), "timing_cache"_a = to_bytes(result.timing_cache),
                  "layers"_a = result.layers);
}

}  // namespace

void register_tensorrt(py::module_& m) {
  m.def("tensorrt_capabilities", &capabilities, "folders"_a, "Which TensorRT is here, and what is missing.");
  m.def("gpus", &gpus, "The GPUs that the NVIDIA driver knows.");
  m.def("build_engine", &build, "onnx"_a, py::kw_only(), "precision"_a, "types"_a, "min"_a, "opt"_a, "max"_a,
        "workspace_bytes"_a, "optimization_level"_a, "gpu"_a, "timing_cache"_a, "progress"_a, "folders"_a,
        "A serialized TensorRT engine of an ONNX file; progress(phase, step, steps) returns False to stop.");
}

}  // namespace dim::bindings
