// The CUDA kernels' element functions, looped over whole arrays on the host, and the CPU's pre- and postprocessing to
// compare them with. Needs no CUDA.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "bindings/arrays.h"
#include "bindings/foreground.h"
#include "core/postprocess.h"
#include "core/preprocess.h"
#include "cuda/reference.h"
#include "testing/register.h"

namespace dim::testing {
namespace {

using namespace bindings;
using namespace pybind11::literals;

/// Calls `work` with a value of the array's type.
template <typename Work>
auto with_type_of(const py::array& array, const char* name, Work work) {
  if (array.dtype().equal(py::dtype("float32"))) return work(float{});
  if (array.dtype().equal(py::dtype("float16"))) return work(cuda::Half{});
  throw InvalidInput(std::string(name) + ": expected dtype float32 or float16, got " +
                     std::string(py::str(array.dtype())));
}

template <typename T>
const T* data_of(const py::array& array) {
  return static_cast<const T*>(array.data());
}

template <typename T>
T* data_of(py::array& array) {
  return static_cast<T*>(array.mutable_data());
}

/// [n][channels][height][width], or, where `hwc8_channels` is not 0, [n][height][width][channels padded to 8].
struct MapArray {
  cuda::MapShape shape;
  cuda::Layout layout;
};

MapArray map_of(const py::array& array, const char* name, int hwc8_channels) {
  if (array.ndim() != 4 || (array.flags() & py::array::c_style) == 0)
    throw InvalidInput(std::string(name) + ": expected a contiguous array of four dimensions, got " + shape_of(array));
  const auto side = [&](int i) { return static_cast<int>(array.shape(i)); };
  if (hwc8_channels == 0) return {{side(0), side(1), {side(2), side(3)}}, cuda::Layout::kLinear};
  if (hwc8_channels < 1 || side(3) != (hwc8_channels + 7) / 8 * 8)
    throw InvalidInput(std::string(name) + ": expected hwc8_channels padded to a multiple of 8, got " +
                       shape_of(array));
  return {{side(0), hwc8_channels, {side(1), side(2)}}, cuda::Layout::kHwc8};
}

py::array new_map(const MapArray& like, Size size, const py::dtype& dtype) {
  const int channels = cuda::reference::Indexer{like.shape, like.layout}.channels();
  if (like.layout == cuda::Layout::kLinear) return py::array(dtype, {like.shape.n, channels, size.height, size.width});
  return py::array(dtype, {like.shape.n, size.height, size.width, channels});
}

py::tuple max_pool_argmax(const py::array& x, int hwc8_channels) {
  const MapArray map = map_of(x, "x", hwc8_channels);
  const Size half = {map.shape.size.height / 2, map.shape.size.width / 2};
  py::array values = new_map(map, half, x.dtype()), codes = new_map(map, half, x.dtype());
  with_type_of(x, "x", [&](auto zero) {
    using T = decltype(zero);
    cuda::reference::max_pool_argmax(data_of<T>(x), data_of<T>(values), data_of<T>(codes), map.shape, map.layout);
  });
  return py::make_tuple(values, codes);
}

py::array index_unpool(const py::array& values, const py::array& codes, int hwc8_channels) {
  const MapArray map = map_of(values, "values", hwc8_channels);
  map_of(codes, "codes", hwc8_channels);
  if (shape_of(values) != shape_of(codes) || !codes.dtype().equal(values.dtype()))
    throw InvalidInput("codes: expected shape and dtype of values, got " + shape_of(codes));
  py::array x = new_map(map, {2 * map.shape.size.height, 2 * map.shape.size.width}, values.dtype());
  with_type_of(values, "values", [&](auto zero) {
    using T = decltype(zero);
    cuda::reference::index_unpool(data_of<T>(values), data_of<T>(codes), data_of<T>(x), map.shape, map.layout);
  });
  return x;
}

/// (height, width, 3) uint8, or (height, width, 4) float32, contiguous: what `Scaling` makes.
ImageView any_image_view(const py::array& img) {
  if (!img.dtype().equal(py::dtype("float32"))) return image_view(img);
  if (img.ndim() != 3 || img.shape(2) != 4 || (img.flags() & py::array::c_style) == 0)
    throw InvalidInput("img: expected contiguous float32 of four channels, got " + shape_of(img));
  return {static_cast<const std::uint8_t*>(img.data()),
          {static_cast<int>(img.shape(0)), static_cast<int>(img.shape(1))},
          img.strides(0),
          img.strides(1),
          img.strides(2),
          Pixels::kInputs};
}

/// [channels][height][width], padded to a multiple of `stride`; without a trimap three channels. `core` is the CPU
/// backend's way, in float32.
py::array preprocess(const py::array& img, const py::object& trimap, const std::array<float, 3>& mean,
                     const std::array<float, 3>& std, float trimap_scale, bool swap, int stride,
                     const std::string& dtype, bool core, bool raw_trimap, bool reflect) {
  const ImageView image = any_image_view(img);
  const ByteView marks = trimap.is_none() ? ByteView{} : trimap_view(require_array(trimap, "trimap"));
  Preprocessing settings;
  settings.mean = mean, settings.std = std;
  if (!trimap.is_none()) settings.guide = Guide{trimap_scale, raw_trimap};
  settings.stride = stride, settings.reflect = reflect;
  const Size size = padded(image.size, stride);
  const int channels = settings.channels();
  py::array input(py::dtype(dtype), {channels, size.height, size.width});
  if (core) {
    if (dtype != "float32") throw InvalidInput("dtype: expected float32 with core, got " + dtype);
    const Preprocessor preprocessor(settings, !swap);
    std::vector<float> row(4 * static_cast<std::size_t>(size.width));
    for (int y = 0; y < size.height; ++y) {
      preprocessor.row(image, marks, y, size.width, row.data());
      for (int x = 0; x < size.width; ++x)
        for (int c = 0; c < channels; ++c)
          data_of<float>(input)[(c * size.height + y) * size.width + x] = row[static_cast<std::size_t>(4 * x + c)];
    }
    return input;
  }
  with_type_of(input, "dtype", [&](auto zero) {
    using T = decltype(zero);
    cuda::reference::preprocess(image, marks, cuda::input_transform(settings, !swap), data_of<T>(input), size);
  });
  return input;
}

/// Writes alpha to `out`, float32 or uint8 of any strides. `core` is the CPU backend's way, float32 to float32.
void postprocess(const py::array& network, const py::object& trimap, py::array out, bool core, bool clamp, float share,
                 bool adds) {
  const ByteView marks = trimap.is_none() ? ByteView{} : trimap_view(require_array(trimap, "trimap"));
  if (out.ndim() != 2 || network.ndim() != 2 || (network.flags() & py::array::c_style) == 0 ||
      network.shape(0) < out.shape(0) || network.shape(1) < out.shape(1))
    throw InvalidInput("network: expected a contiguous array at least as large as out, got " + shape_of(network));
  const Size size = {static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1))};
  if (!marks.empty() && marks.size != size)
    throw InvalidInput("out: expected the trimap's shape, got " + shape_of(out));
  const bool to_u8 = out.dtype().equal(py::dtype("uint8"));
  if (!to_u8 && !out.dtype().equal(py::dtype("float32")))
    throw InvalidInput("out: expected dtype float32 or uint8, got " + std::string(py::str(out.dtype())));
  if (core) {
    if (to_u8 || !network.dtype().equal(py::dtype("float32"))) throw InvalidInput("core: expected float32 to float32");
    MapView alpha = map_view(out);
    alpha.share = share, alpha.adds = adds;
    for (int y = 0; y < size.height; ++y)
      postprocess_row(marks, y, data_of<float>(network) + y * network.shape(1), 1, alpha, clamp);
    return;
  }
  const auto type = to_u8 ? cuda::AlphaType::kUint8 : cuda::AlphaType::kFloat32;
  const cuda::AlphaTarget target = {out.mutable_data(), type, size, out.strides(0), out.strides(1), clamp, share, adds};
  with_type_of(network, "network", [&](auto zero) {
    using T = decltype(zero);
    cuda::reference::postprocess(data_of<T>(network), static_cast<int>(network.shape(1)), marks, target);
  });
}

/// The way to float16 and back of kernels compiled for the host.
py::array_t<float> through_half(const py::array_t<float, py::array::c_style | py::array::forcecast>& values) {
  py::array_t<float> out(values.size());
  for (py::ssize_t i = 0; i < values.size(); ++i)
    out.mutable_data()[i] = cuda::to_float(cuda::from_float<cuda::Half>(values.data()[i]));
  return out;
}

template <typename T>
py::tuple foreground(const Array<T>& img, const Array<float>& alpha) {
  return colors(img, alpha, [](const ForegroundTask<T>& task) {
    const std::ptrdiff_t width = task.size.width, size = sizeof(T), alpha_size = sizeof(float);
    const cuda::MattedPicture<T> picture = {task.image, 3 * size * width,   3 * size,   size,
                                            task.alpha, alpha_size * width, alpha_size, task.size};
    cuda::reference::estimate_foreground(picture, task.foreground, task.background, ForegroundOptions{});
  });
}

}  // namespace

void register_cuda_elements(py::module_& m) {
  m.def("element_max_pool_argmax", &max_pool_argmax, "x"_a, "hwc8_channels"_a = 0);
  m.def("element_index_unpool", &index_unpool, "values"_a, "codes"_a, "hwc8_channels"_a = 0);
  m.def("element_preprocess", &preprocess, "img"_a, "trimap"_a, py::kw_only(), "mean"_a, "std"_a, "trimap_scale"_a,
        "swap"_a = false, "stride"_a = 32, "dtype"_a = "float32", "core"_a = false, "raw_trimap"_a = false,
        "reflect"_a = true);
  m.def("element_postprocess", &postprocess, "network"_a, "trimap"_a, "out"_a, py::kw_only(), "core"_a = false,
        "clamp"_a = true, "share"_a = 1.0f, "adds"_a = false);
  m.def(
      "element_unknown_box",
      [](const py::array& trimap) {
        const cuda::Box box = cuda::reference::unknown_box(trimap_view(trimap));
        return py::make_tuple(box.top, box.left, box.bottom, box.right);
      },
      "trimap"_a);
  m.def("element_through_half", &through_half, "values"_a);
  m.def("element_foreground", &foreground<std::uint8_t>, "img"_a.noconvert(), "alpha"_a.noconvert(),
        "_core.estimate_foreground, as the CUDA kernels compute it.");
  m.def("element_foreground", &foreground<float>, "img"_a.noconvert(), "alpha"_a.noconvert());
}

}  // namespace dim::testing
