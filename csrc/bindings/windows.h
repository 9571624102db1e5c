// Windows and tiles as Python has them.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "core/tiling.h"
#include "core/window.h"

namespace dim::bindings {

namespace py = pybind11;

/// (top, left, height, width)
inline py::tuple to_tuple(const Window& window) {
  return py::make_tuple(window.top, window.left, window.size.height, window.size.width);
}

/// Each (window, wanted).
inline py::list tile_list(const std::vector<Tile>& tiles) {
  py::list list;
  for (const Tile& tile : tiles) list.append(py::make_tuple(to_tuple(tile.window), to_tuple(tile.wanted)));
  return list;
}

}  // namespace dim::bindings
