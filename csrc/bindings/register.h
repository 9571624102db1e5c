// What the module _core is made of: each function adds its part.
#pragma once

#include <pybind11/pybind11.h>

namespace dim::bindings {

void register_engine(pybind11::module_& m);
void register_segmentation(pybind11::module_& m);
void register_plan(pybind11::module_& m);
void register_preprocessing(pybind11::module_& m);
void register_dlpack(pybind11::module_& m);
void register_tensorrt(pybind11::module_& m);
void register_foreground(pybind11::module_& m);

}  // namespace dim::bindings
