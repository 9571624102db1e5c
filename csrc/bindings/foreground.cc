// The colors under a matte, for contiguous arrays that Python has checked.
#include "core/foreground.h"

#include <string>

#include "base/cores.h"
#include "base/error.h"
#include "bindings/foreground.h"
#include "bindings/gil.h"
#include "bindings/register.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

template <typename T>
py::tuple estimate(const Array<T>& img, const Array<float>& alpha, int threads) {
  if (threads < 0) throw InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  const int used = threads > 0 ? threads : default_threads();
  return colors(img, alpha,
                [&](const ForegroundTask<T>& task) { estimate_foreground(task, ForegroundOptions{}, used); });
}

}  // namespace

template <typename T>
py::tuple engine_foreground(const Matting& matting, const Array<T>& img, const Array<float>& alpha) {
  return colors(img, alpha, [&](const ForegroundTask<T>& task) { matting.estimate_foreground(task); });
}

template py::tuple engine_foreground(const Matting&, const Array<float>&, const Array<float>&);
template py::tuple engine_foreground(const Matting&, const Array<std::uint8_t>&, const Array<float>&);

void register_foreground(py::module_& m) {
  m.def("estimate_foreground", &estimate<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a uint8 picture and its float32 matte.");
  m.def("estimate_foreground", &estimate<float>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a float32 picture in 0..1 and its float32 matte.");
}

}  // namespace dim::bindings
