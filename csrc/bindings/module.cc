// The Python module dim_trt._core. This folder is all that includes Python.
#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "backends.h"
#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/error.h"
#include "core/matting.h"
#include "core/plan.h"
#include "cpu/isa.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

bool parse_color(const std::string& color) {
  if (color != "bgr" && color != "rgb") throw InvalidInput("color: expected 'bgr' or 'rgb', got '" + color + "'");
  return color == "rgb";
}

std::unique_ptr<Matting> load(const std::string& path, int threads, const std::string& color, std::size_t strip_bytes) {
  if (threads < 0 || threads > 1024)
    throw InvalidInput("threads: expected 1 to 1024, or 0 for every core, got " + std::to_string(threads));
  const bool rgb = parse_color(color);
  return unlocked([&] {
    const Plan plan = read_plan(path);
    return std::make_unique<Matting>(plan, make_backend(plan, {threads, rgb, strip_bytes}));
  });
}

py::array run_timed(const Matting& matting, const py::object& img_object, const py::object& trimap_object,
                    const py::object& out, std::vector<StepTime>* times) {
  const py::array img = require_array(img_object, "img");
  const py::array trimap = require_array(trimap_object, "trimap");
  const ImageView image = image_view(img);
  const TrimapView map = trimap_view(trimap);
  py::array alpha = alpha_array(out, img, trimap);
  const AlphaView view = alpha_view(alpha);
  const RunInfo info = unlocked([&] { return matting.run(image, map, view, times); });
  if (info.known_pixels == 0 &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "trimap: no pixel is known (0 or 255), so the whole picture is guessed; mark some background and "
                   "some foreground",
                   2) != 0)
    throw py::error_already_set();
  return alpha;
}

py::array run(const Matting& matting, const py::object& img, const py::object& trimap, const py::object& out) {
  return run_timed(matting, img, trimap, out, nullptr);
}

py::list profile(const Matting& matting, const py::object& img, const py::object& trimap) {
  std::vector<StepTime> times;
  run_timed(matting, img, trimap, py::none(), &times);
  py::list steps;
  for (const StepTime& step : times) steps.append(py::make_tuple(step.name, step.ms));
  return steps;
}

py::dict cpu_capabilities() {
  py::list isas;
  for (const cpu::Kernels* set : cpu::available_kernels()) isas.append(set->name);
  return py::dict("isa"_a = cpu::default_kernels().name, "available_isas"_a = isas,
                  "threads"_a = cpu::default_threads());
}

void register_errors() {
  const py::module_ errors = py::module_::import("dim_trt.errors");
  static PyObject* const error = py::object(errors.attr("Error")).release().ptr();
  static PyObject* const invalid_input = py::object(errors.attr("InvalidInput")).release().ptr();
  static PyObject* const plan_error = py::object(errors.attr("PlanError")).release().ptr();
  static PyObject* const unavailable = py::object(errors.attr("BackendUnavailable")).release().ptr();
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const InvalidInput& e) {
      PyErr_SetString(invalid_input, e.what());
    } catch (const PlanError& e) {
      PyErr_SetString(plan_error, e.what());
    } catch (const BackendUnavailable& e) {
      PyErr_SetString(unavailable, e.what());
    } catch (const Error& e) {
      PyErr_SetString(error, e.what());
    }
  });
}

void register_engine(py::module_& m) {
  py::class_<Matting>(m, "Engine", "A loaded plan. Safe to use from several threads at once.")
      .def(py::init(&load), "path"_a, py::kw_only(), "threads"_a = 0, "color"_a = "bgr",
           "strip_bytes"_a = BackendOptions{}.strip_bytes)
      .def("run", &run, "img"_a, "trimap"_a, "out"_a = py::none(),
           "Alpha, HxW float32 in 0..1, of img (HxWx3 uint8) and trimap (HxW uint8).")
      .def("profile", &profile, "img"_a, "trimap"_a, "Runs once; (step, milliseconds) in the order they ran.")
      .def_property_readonly("header", &Matting::header, "The plan's header, JSON.")
      .def_property_readonly("threads", [](const Matting& self) { return self.backend().threads(); })
      .def_property_readonly("isa", [](const Matting& self) { return self.backend().device(); });
  m.def(
      "read_plan_header", [](const std::string& path) { return unlocked([&] { return read_plan(path).header; }); },
      "path"_a, "Reads and checks a whole plan file, its SHA-256 included; returns the header, JSON.");
  m.def("cpu_capabilities", &cpu_capabilities, "What the CPU backend can use on this machine.");
}

}  // namespace
}  // namespace dim::bindings

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ side of dim_trt: plans, engines, CPU kernels.";
  dim::bindings::register_errors();
  dim::bindings::register_engine(m);
  dim::bindings::register_operators(m);
  dim::bindings::register_cuda_elements(m);
}
