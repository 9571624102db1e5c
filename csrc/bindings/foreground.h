// The colors under a matte, for contiguous arrays that Python has checked.
#pragma once

#include <pybind11/numpy.h>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "core/foreground.h"
#include "core/matting.h"

namespace dim::bindings {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

/// (foreground, background) that `work` writes for a task, without the GIL.
template <typename T, typename Work>
py::tuple colors(const Array<T>& img, const Array<float>& alpha, Work work) {
  if (img.ndim() != 3 || img.shape(2) != 3 || img.size() == 0)
    throw InvalidInput("img: expected shape (height, width, 3) and sides of at least 1, got " + shape_of(img));
  if (alpha.ndim() != 2 || alpha.shape(0) != img.shape(0) || alpha.shape(1) != img.shape(1))
    throw InvalidInput("alpha: expected the height and width of img " + shape_of(img) + ", got " + shape_of(alpha));
  if (img.shape(0) > (1 << 20) || img.shape(1) > (1 << 20))
    throw InvalidInput("img: expected sides of at most 1048576, got shape " + shape_of(img));
  Array<T> foreground({img.shape(0), img.shape(1), img.shape(2)}),
      background({img.shape(0), img.shape(1), img.shape(2)});
  const Size size = {static_cast<int>(img.shape(0)), static_cast<int>(img.shape(1))};
  const ForegroundTask<T> task = {img.data(), alpha.data(), size, foreground.mutable_data(), background.mutable_data()};
  unlocked([&] { work(task); });
  return py::make_tuple(foreground, background);
}

/// (foreground, background), estimated where the engine runs. T is uint8 or float.
template <typename T>
py::tuple engine_foreground(const Matting& matting, const Array<T>& img, const Array<float>& alpha);

}  // namespace dim::bindings
