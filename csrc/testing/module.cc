// The Python module dim_trt._testing: parts of dim_trt that only tests and benchmarks call. Wheels do not have it. It
// holds its own copy of the C++ code; nothing passes between it and _core but arrays.
#include <pybind11/pybind11.h>

#include "bindings/errors.h"
#include "testing/register.h"

PYBIND11_MODULE(_testing, m) {
  m.doc() = "Parts of dim_trt by themselves, for tests and benchmarks.";
  dim::bindings::register_errors();
  dim::testing::register_layers(m);
  dim::testing::register_pictures(m);
  dim::testing::register_cuda_elements(m);
}
