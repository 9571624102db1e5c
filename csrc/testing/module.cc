// The Python module dim_trt._testing: parts of dim_trt that only tests and benchmarks call. Wheels do not have it. It
// holds its own copy of the C++ code; nothing passes between it and _core but arrays.
#include <pybind11/pybind11.h>

#include "base/cores.h"
#include "bindings/errors.h"
#include "testing/register.h"

PYBIND11_MODULE(_testing, m) {
  m.doc() = "Parts of dim_trt by themselves, for tests and benchmarks.";
  dim::bindings::register_errors();
  m.def("cgroup_quota", &dim::cgroup_quota, pybind11::arg("groups"), pybind11::arg("mounted"),
        "Cores that the CPU quotas of the cgroups in the file `groups`, found below the folder `mounted`, pay for; 0: "
        "all.");
  dim::testing::register_layers(m);
  dim::testing::register_quantized_layers(m);
  dim::testing::register_loops(m);
  dim::testing::register_pictures(m);
  dim::testing::register_cuda_elements(m);
}
