// The colours under a matte, for contiguous arrays that Python has checked.
#pragma once

#include <pybind11/numpy.h>

#include "bindings/arrays.h"
#include "core/matting.h"

namespace dim::bindings {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

/// (foreground, background), estimated where the engine runs. T is uint8 or float.
template <typename T>
py::tuple engine_foreground(const Matting& matting, const Array<T>& img, const Array<float>& alpha);

}  // namespace dim::bindings
