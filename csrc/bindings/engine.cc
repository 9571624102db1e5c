// The class Engine: a plan, loaded.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends.h"
#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/foreground.h"
#include "bindings/gil.h"
#include "bindings/layers.h"
#include "bindings/register.h"
#include "bindings/windows.h"
#include "core/matting.h"
#include "core/plan.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

std::unique_ptr<Matting> load(const std::filesystem::path& path, const EngineOptions& options) {
  return unlocked([&] { return load_matting(path.string(), options); });
}

using Box = std::array<int, 4>;  // top, left, height, width

py::array run_traced(const Matting& matting, const py::object& img_object, const py::object& trimap_object,
                     const py::object& out, const std::optional<Box>& window, Trace* trace) {
  const py::array img = require_array(img_object, "img");
  const py::array trimap = require_array(trimap_object, "trimap");
  MattingRequest request;
  request.image = image_view(img);
  request.trimap = trimap_view(trimap);
  py::array alpha = map_array(out, img, &trimap);
  request.alpha = map_view(alpha);
  if (window) request.window = Window{(*window)[0], (*window)[1], {(*window)[2], (*window)[3]}};
  const RunInfo info = unlocked([&] { return matting.run(request, trace); });
  if (!window && info.known_pixels == 0 &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "trimap: no pixel is known (0 or 255), so the whole picture is guessed; mark some background and "
                   "some foreground",
                   2) != 0)
    throw py::error_already_set();
  return alpha;
}

py::array run(const Matting& matting, const py::object& img, const py::object& trimap, const py::object& out,
              const std::optional<Box>& window) {
  return run_traced(matting, img, trimap, out, window, nullptr);
}

py::list profile(const Matting& matting, const py::object& img, const py::object& trimap) {
  Trace trace;
  run_traced(matting, img, trimap, py::none(), std::nullopt, &trace);
  py::list steps;
  for (const StepTime& step : trace.times) steps.append(py::make_tuple(step.name, step.ms));
  return steps;
}

py::list argmax(const Matting& matting, const py::object& img, const py::object& trimap) {
  if (matting.orientation_count() > 1)
    throw InvalidInput("img: is run in several orientations, each with an argmax of its own; load the plan with one");
  if (matting.tiles(trimap_view(require_array(trimap, "trimap"))).size() > 1)
    throw InvalidInput("img: is run in tiles, each with an argmax of its own; load the plan without a memory limit");
  Trace trace;
  trace.keep_argmax = true;
  run_traced(matting, img, trimap, py::none(), std::nullopt, &trace);
  py::list poolings;
  for (const ArgmaxCodes& kept : trace.argmax) {
    py::array_t<std::uint8_t> codes({kept.channels, kept.size.height, kept.size.width});
    std::copy(kept.codes.begin(), kept.codes.end(), codes.mutable_data());
    poolings.append(std::move(codes));
  }
  return poolings;
}

/// Address, (height, width) and strides in bytes of an array in GPU memory; checked by dim_trt.gpu.arrays.
template <std::size_t kAxes>
using GpuArray = std::tuple<std::uintptr_t, std::pair<int, int>, std::array<std::ptrdiff_t, kAxes>>;

void run_on_gpu(const Matting& matting, const GpuArray<3>& img, const GpuArray<2>& trimap, const GpuArray<2>& alpha,
                std::uintptr_t stream, bool wait) {
  const auto size = [](const auto& array) { return Size{std::get<1>(array).first, std::get<1>(array).second}; };
  const auto& [image_data, image_size, image_strides] = img;
  const auto& [trimap_data, trimap_size, trimap_strides] = trimap;
  const auto& [alpha_data, alpha_size, alpha_strides] = alpha;
  MattingRequest request;
  request.image = {reinterpret_cast<const std::uint8_t*>(image_data), size(img), image_strides[0], image_strides[1],
                   image_strides[2]};
  request.trimap = {reinterpret_cast<const std::uint8_t*>(trimap_data), size(trimap), trimap_strides[0],
                    trimap_strides[1]};
  request.alpha = {reinterpret_cast<float*>(alpha_data), size(alpha), alpha_strides[0], alpha_strides[1]};
  request.place = {true, stream, wait};
  unlocked([&] { matting.run(request); });
}

void foreground_on_gpu(const Matting& matting, const GpuArray<3>& img, const GpuArray<2>& alpha,
                       std::uintptr_t foreground, std::uintptr_t background, std::uintptr_t stream, bool wait) {
  const auto& [image_data, image_size, image_strides] = img;
  const auto& [alpha_data, alpha_size, alpha_strides] = alpha;
  const Size size = {image_size.first, image_size.second};
  GpuForegroundTask task;
  task.image = {reinterpret_cast<const std::uint8_t*>(image_data), size, image_strides[0], image_strides[1],
                image_strides[2]};
  task.alpha = {reinterpret_cast<float*>(alpha_data), size, alpha_strides[0], alpha_strides[1]};
  task.foreground = reinterpret_cast<std::uint8_t*>(foreground);
  task.background = reinterpret_cast<std::uint8_t*>(background);
  task.stream = stream, task.wait = wait;
  unlocked([&] { matting.estimate_foreground(task); });
}

/// What `run` would refuse for its arrays alone.
void check_arrays(const py::object& img_object, const py::object& trimap_object, const py::object& out) {
  const py::array img = require_array(img_object, "img");
  const py::array trimap = require_array(trimap_object, "trimap");
  image_view(img);
  trimap_view(trimap);
  if (!out.is_none()) map_array(out, img, &trimap);
}

py::list find_tiles(const Matting& matting, const py::array& trimap) {
  return tile_list(matting.tiles(trimap_view(trimap)));
}

/// Memory of a GPU that Python holds on to.
struct GpuMemory {
  std::shared_ptr<void> data;
};

}  // namespace

void register_engine(py::module_& m) {
  py::class_<cpu::Options>(m, "CpuOptions", "How the cpu backend runs plans.")
      .def(py::init())
      .def_readwrite("threads", &cpu::Options::threads, "0: all cores.")
      .def_readwrite("strip_bytes", &cpu::Options::strip_bytes)
      .def_readwrite("section_rows", &cpu::Options::section_rows);
  py::class_<tensorrt::LoadOptions>(m, "TensorRtOptions", "How the tensorrt backend runs plans.")
      .def(py::init())
      .def_readwrite("gpu", &tensorrt::LoadOptions::gpu)
      .def_readwrite("crop", &tensorrt::LoadOptions::crop)
      .def_readwrite("max_concurrent", &tensorrt::LoadOptions::max_concurrent)
      .def_readwrite("cuda_graphs", &tensorrt::LoadOptions::cuda_graphs)
      .def_readwrite("folders", &tensorrt::LoadOptions::folders);
  py::class_<Limits>(m, "Limits", "0: none.")
      .def(py::init())
      .def_readwrite("memory_bytes", &Limits::memory_bytes)
      .def_readwrite("at_least_a_tile", &Limits::at_least_a_tile)
      .def_readwrite("pixels", &Limits::pixels);
  py::class_<EngineOptions>(m, "EngineOptions", "How a plan is loaded; of the backends' options the plan's count.")
      .def(py::init())
      .def_readwrite("backend", &EngineOptions::backend, "The only one that will do; empty: the plan's.")
      .def_readwrite("rgb", &EngineOptions::rgb)
      .def_readwrite("orientations", &EngineOptions::orientations)
      .def_readwrite("closed_form", &EngineOptions::closed_form)
      .def_readwrite("limits", &EngineOptions::limits)
      .def_readwrite("cpu", &EngineOptions::cpu)
      .def_readwrite("tensorrt", &EngineOptions::tensorrt);
  py::class_<GpuMemory>(m, "GpuMemory", "Memory on an engine's GPU; freed with this object.")
      .def_property_readonly("address",
                             [](const GpuMemory& self) { return reinterpret_cast<std::uintptr_t>(self.data.get()); });
  py::class_<Matting>(m, "Engine", "A loaded plan for matting. Safe to use from several threads at once.")
      .def(py::init(&load), "path"_a, py::arg_v("options", EngineOptions{}, "EngineOptions()"))
      .def("run", &run, "img"_a, "trimap"_a, "out"_a = py::none(), "window"_a = py::none(),
           "Alpha, HxW float32 in 0..1, of img (HxWx3 uint8) and trimap (HxW uint8); only the part in the window (top, "
           "left, height, width) is written, if there is one.")
      .def("run_on_gpu", &run_on_gpu, "img"_a, "trimap"_a, "alpha"_a, "stream"_a, "wait"_a,
           "The same in GPU memory; each array is (address, (height, width), strides in bytes).")
      .def("foreground", &engine_foreground<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(),
           "(foreground, background) of a picture and its float32 matte, estimated where the plan runs.")
      .def("foreground", &engine_foreground<float>, "img"_a.noconvert(), "alpha"_a.noconvert())
      .def("foreground_on_gpu", &foreground_on_gpu, "img"_a, "alpha"_a, "foreground"_a, "background"_a, "stream"_a,
           "wait"_a, "The same in GPU memory; the results are addresses of [height][width][3] uint8.")
      .def(
          "allocate", [](const Matting& self, std::size_t bytes) { return GpuMemory{self.backend().allocate(bytes)}; },
          "bytes"_a)
      .def("profile", &profile, "img"_a, "trimap"_a, "Runs once; (step, milliseconds) in the order they ran.")
      .def("argmax", &argmax, "img"_a, "trimap"_a,
           "Runs once; of each pooling CxHxW uint8: 2 * row + column of the maximum in its 2x2 window, 255 where no "
           "unknown pixel depends on it. For comparing with another implementation; empty on a GPU.")
      .def("tiles", &find_tiles, "trimap"_a,
           "What a picture with this trimap is run in: (window, wanted) of each part.")
      .def(
          "working_bytes",
          [](const Matting& self, std::pair<int, int> size) {
            return self.backend().working_bytes({size.first, size.second});
          },
          "size"_a, "Memory of a run on a picture of (height, width) beside the plan and the caller's arrays.")
      .def_property_readonly(
          "memory_limit_bytes", [](const Matting& self) { return self.limits().memory_bytes; }, "0: none.")
      .def_property_readonly(
          "max_concurrent", [](const Matting& self) { return self.backend().max_concurrent(); },
          "How many runs at a time are quickest.")
      .def_property_readonly("halo_px", [](const Matting& self) { return self.halo_px(); })
      .def_property_readonly("header", &Matting::header, "The plan's header, JSON.")
      .def_property_readonly("threads", [](const Matting& self) { return self.backend().threads(); })
      .def_property_readonly(
          "isa", [](const Matting& self) { return self.backend().isa(); }, "Empty on a GPU.")
      .def_property_readonly(
          "layers", [](const Matting& self) { return layers_of(self.backend()); },
          "(name, \"fp32\" or \"int8\") of each convolution; none on a GPU.")
      .def_property_readonly(
          "gpu_name", [](const Matting& self) { return self.backend().gpu_name(); }, "Empty on the CPU.");
  m.def("check_arrays", &check_arrays, "img"_a, "trimap"_a, "out"_a, "Raises InvalidInput as Engine.run would.");
}

}  // namespace dim::bindings
