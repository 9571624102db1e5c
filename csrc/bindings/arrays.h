// Checks of numpy arrays, and the views of them that the core works on.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "core/image.h"

namespace dim::bindings {

namespace py = pybind11;

/// As Python prints it: "(2, 3)".
std::string shape_of(const py::array& array);

/// `object` as an array of whatever type and shape. `name` is the argument's, for the message of InvalidInput.
py::array require_array(const py::handle& object, const char* name);

/// Whether pictures are RGB, of "bgr" and "rgb".
bool parse_color(const std::string& color);

ImageView image_view(const py::array& img);
ByteView trimap_view(const py::array& trimap);

/// Where a map of `img` goes: `out` if it can hold it, a new array if it is None. It may not share memory with `img` or
/// with `trimap`, where there is one.
py::array map_array(const py::object& out, const py::array& img, const py::array* trimap);
MapView map_view(py::array& map);

}  // namespace dim::bindings
