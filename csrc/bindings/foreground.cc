// The colours under a matte, for contiguous arrays that Python has checked.
#include "core/foreground.h"

#include <pybind11/numpy.h>

#include <string>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/error.h"
#include "cpu/isa.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

template <typename T>
py::tuple estimate(const Array<T>& img, const Array<float>& alpha, int threads) {
  if (img.ndim() != 3 || img.shape(2) != 3 || img.size() == 0)
    throw InvalidInput("img: expected shape (height, width, 3) and sides of at least 1, got " + shape_of(img));
  if (alpha.ndim() != 2 || alpha.shape(0) != img.shape(0) || alpha.shape(1) != img.shape(1))
    throw InvalidInput("alpha: expected the height and width of img " + shape_of(img) + ", got " + shape_of(alpha));
  if (img.shape(0) > (1 << 20) || img.shape(1) > (1 << 20))
    throw InvalidInput("img: expected sides of at most 1048576, got shape " + shape_of(img));
  if (threads < 0) throw InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  Array<T> foreground({img.shape(0), img.shape(1), img.shape(2)}),
      background({img.shape(0), img.shape(1), img.shape(2)});
  const Size size = {static_cast<int>(img.shape(0)), static_cast<int>(img.shape(1))};
  const ForegroundTask<T> task = {img.data(), alpha.data(), size, foreground.mutable_data(), background.mutable_data()};
  ForegroundOptions options;
  options.threads = threads > 0 ? threads : cpu::default_threads();
  unlocked([&] { estimate_foreground(task, options); });
  return py::make_tuple(foreground, background);
}

}  // namespace

void register_foreground(py::module_& m) {
  m.def("estimate_foreground", &estimate<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a uint8 picture and its float32 matte.");
  m.def("estimate_foreground", &estimate<float>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a float32 picture in 0..1 and its float32 matte.");
}

}  // namespace dim::bindings
