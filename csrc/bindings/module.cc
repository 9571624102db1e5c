// The Python module dim_trt._core. This folder and csrc/testing are all that includes Python.
#include <pybind11/pybind11.h>

#include <string>

#include "base/cores.h"
#include "bindings/errors.h"
#include "bindings/register.h"
#include "cpu/isa.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

py::dict cpu_capabilities() {
  py::list isas;
  for (const std::string& isa : cpu::available_isas()) isas.append(isa);
  return py::dict("isa"_a = cpu::default_kernels().isa, "available_isas"_a = isas, "threads"_a = default_threads());
}

}  // namespace
}  // namespace dim::bindings

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ side of dim_trt: plans, engines, CPU kernels.";
  dim::bindings::register_errors();
  m.def("cpu_capabilities", &dim::bindings::cpu_capabilities, "What the CPU backend can use on this machine.");
  dim::bindings::register_engine(m);
  dim::bindings::register_segmentation(m);
  dim::bindings::register_plan(m);
  dim::bindings::register_preprocessing(m);
  dim::bindings::register_dlpack(m);
  dim::bindings::register_tensorrt(m);
  dim::bindings::register_foreground(m);
}
