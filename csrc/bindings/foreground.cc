// The colours under a matte, for contiguous arrays that Python has checked.
#include "core/foreground.h"

#include <string>

#include "base/cores.h"
#include "base/error.h"
#include "bindings/foreground.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "cuda/reference.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

/// (foreground, background) that `work` writes for a task, without the GIL.
template <typename T, typename Work>
py::tuple colours(const Array<T>& img, const Array<float>& alpha, Work work) {
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

template <typename T>
py::tuple estimate(const Array<T>& img, const Array<float>& alpha, int threads) {
  if (threads < 0) throw InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  const int used = threads > 0 ? threads : default_threads();
  return colours(img, alpha,
                 [&](const ForegroundTask<T>& task) { estimate_foreground(task, ForegroundOptions{}, used); });
}

template <typename T>
py::tuple element_estimate(const Array<T>& img, const Array<float>& alpha) {
  return colours(img, alpha, [](const ForegroundTask<T>& task) {
    const std::ptrdiff_t width = task.size.width, size = sizeof(T), alpha_size = sizeof(float);
    const cuda::MattedPicture<T> picture = {task.image, 3 * size * width,   3 * size,   size,
                                            task.alpha, alpha_size * width, alpha_size, task.size};
    cuda::reference::estimate_foreground(picture, task.foreground, task.background, ForegroundOptions{});
  });
}

}  // namespace

template <typename T>
py::tuple engine_foreground(const Matting& matting, const Array<T>& img, const Array<float>& alpha) {
  return colours(img, alpha, [&](const ForegroundTask<T>& task) { matting.estimate_foreground(task); });
}

template py::tuple engine_foreground(const Matting&, const Array<float>&, const Array<float>&);
template py::tuple engine_foreground(const Matting&, const Array<std::uint8_t>&, const Array<float>&);

void register_foreground(py::module_& m) {
  m.def("estimate_foreground", &estimate<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a uint8 picture and its float32 matte.");
  m.def("estimate_foreground", &estimate<float>, "img"_a.noconvert(), "alpha"_a.noconvert(), py::kw_only(),
        "threads"_a = 0, "(foreground, background) of a float32 picture in 0..1 and its float32 matte.");
  const char* const element_doc = "The same, as the CUDA kernels compute it, on the host; for tests.";
  m.def("element_foreground", &element_estimate<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(), element_doc);
  m.def("element_foreground", &element_estimate<float>, "img"_a.noconvert(), "alpha"_a.noconvert(), element_doc);
}

}  // namespace dim::bindings
