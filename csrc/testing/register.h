// What the module _testing is made of: each function adds its part.
#pragma once

#include <pybind11/pybind11.h>

namespace dim::testing {

void register_layers(pybind11::module_& m);
void register_quantized_layers(pybind11::module_& m);
void register_loops(pybind11::module_& m);
void register_pictures(pybind11::module_& m);
void register_cuda_elements(pybind11::module_& m);

}  // namespace dim::testing
