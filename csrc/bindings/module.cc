// The Python module dim_trt._core. This folder is all that includes Python.
#include <pybind11/pybind11.h>

#include <string_view>

#include "base/cores.h"
#include "base/error.h"
#include "bindings/register.h"
#include "cpu/isa.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

py::dict cpu_capabilities() {
  py::list isas;
  for (const cpu::Kernels* set : cpu::available_kernels()) isas.append(set->name);
  return py::dict("isa"_a = cpu::default_kernels().name, "available_isas"_a = isas, "threads"_a = default_threads());
}

/// Messages quote file names, which may be in no encoding.
void raise(PyObject* kind, const std::exception& e) {
  const std::string_view what = e.what();
  const auto text = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(what.data(), static_cast<py::ssize_t>(what.size()), "surrogateescape"));
  PyErr_SetObject(kind, text.ptr());
}

void register_errors() {
  const py::module_ errors = py::module_::import("dim_trt.errors");
  static PyObject* const error = py::object(errors.attr("Error")).release().ptr();
  static PyObject* const invalid_input = py::object(errors.attr("InvalidInput")).release().ptr();
  static PyObject* const plan_error = py::object(errors.attr("PlanError")).release().ptr();
  static PyObject* const build_error = py::object(errors.attr("BuildError")).release().ptr();
  static PyObject* const unavailable = py::object(errors.attr("BackendUnavailable")).release().ptr();
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const InvalidInput& e) {
      raise(invalid_input, e);
    } catch (const PlanError& e) {
      raise(plan_error, e);
    } catch (const BackendUnavailable& e) {
      raise(unavailable, e);
    } catch (const BuildError& e) {
      raise(build_error, e);
    } catch (const Error& e) {
      raise(error, e);
    }
  });
}

}  // namespace
}  // namespace dim::bindings

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ side of dim_trt: plans, engines, CPU kernels.";
  dim::bindings::register_errors();
  m.def("cpu_capabilities", &dim::bindings::cpu_capabilities, "What the CPU backend can use on this machine.");
  dim::bindings::register_engine(m);
  dim::bindings::register_dlpack(m);
  dim::bindings::register_tensorrt(m);
  dim::bindings::register_operators(m);
  dim::bindings::register_foreground(m);
  dim::bindings::register_cuda_elements(m);
}
