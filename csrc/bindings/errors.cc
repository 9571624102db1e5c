#include "bindings/errors.h"

#include <pybind11/pybind11.h>

#include <string_view>

#include "base/error.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;

/// Messages quote file names, which may be in no encoding.
void raise(PyObject* kind, const std::exception& e) {
  const std::string_view what = e.what();
  const auto text = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(what.data(), static_cast<py::ssize_t>(what.size()), "surrogateescape"));
  PyErr_SetObject(kind, text.ptr());
}

}  // namespace

void register_errors() {
  const py::module_ errors = py::module_::import("dim_trt.errors");
  static PyObject* const error = py::object(errors.attr("Error")).release().ptr();
  static PyObject* const invalid_input = py::object(errors.attr("InvalidInput")).release().ptr();
  static PyObject* const plan_error = py::object(errors.attr("PlanError")).release().ptr();
  static PyObject* const build_error = py::object(errors.attr("BuildError")).release().ptr();
  static PyObject* const unavailable = py::object(errors.attr("BackendUnavailable")).release().ptr();
  py::register_local_exception_translator([](std::exception_ptr p) {
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

}  // namespace dim::bindings
