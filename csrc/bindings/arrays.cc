#include "bindings/arrays.h"

#include <cstdint>
#include <string>

#include "base/error.h"

namespace dim::bindings {
namespace {

std::string dtype_of(const py::array& array) { return py::str(array.dtype()); }

template <typename T>
bool has_dtype(const py::array& array) {
  return py::dtype::of<T>().is(array.dtype()) || array.dtype().equal(py::dtype::of<T>());
}

void require_uint8(const py::array& array, const char* name, const char* remedy) {
  if (!has_dtype<std::uint8_t>(array))
    throw InvalidInput(std::string(name) + ": expected dtype uint8, got " + dtype_of(array) + "; " + remedy);
}

void require_some(const py::array& array, const char* name) {
  if (array.size() == 0)
    throw InvalidInput(std::string(name) + ": expected height and width of at least 1, got shape " + shape_of(array));
  if (array.shape(0) > (1 << 20) || array.shape(1) > (1 << 20))
    throw InvalidInput(std::string(name) + ": expected sides of at most 1048576, got shape " + shape_of(array));
}

Size size_of(const py::array& array) { return {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1))}; }

bool overlaps(const py::array& a, const py::array& b) {
  return py::module_::import("numpy").attr("may_share_memory")(a, b).cast<bool>();
}

}  // namespace

std::string shape_of(const py::array& array) {
  std::string out = "(";
  for (py::ssize_t i = 0; i < array.ndim(); ++i) out += (i != 0 ? ", " : "") + std::to_string(array.shape(i));
  return out + (array.ndim() == 1 ? ",)" : ")");
}

py::array require_array(const py::handle& object, const char* name) {
  if (!py::isinstance<py::array>(object))
    throw InvalidInput(std::string(name) + ": expected a numpy array, got " +
                       std::string(py::str(py::type::of(object).attr("__name__"))) + "; numpy.asarray makes one");
  return py::reinterpret_borrow<py::array>(object);
}

bool parse_color(const std::string& color) {
  if (color != "bgr" && color != "rgb") throw InvalidInput("color: expected 'bgr' or 'rgb', got '" + color + "'");
  return color == "rgb";
}

ImageView image_view(const py::array& img) {
  require_uint8(img, "img", "for floats in 0..1 use numpy.round(img * 255).astype(numpy.uint8)");
  if (img.ndim() != 3 || img.shape(2) != 3)
    throw InvalidInput("img: expected shape (height, width, 3), got " + shape_of(img) +
                       "; cv2.cvtColor turns gray or four-channel pictures into three channels");
  require_some(img, "img");
  return {static_cast<const std::uint8_t*>(img.data()), size_of(img), img.strides(0), img.strides(1), img.strides(2)};
}

ByteView trimap_view(const py::array& trimap) {
  require_uint8(trimap, "trimap", "it must hold 0 for background, 255 for foreground and anything else for unknown");
  if (trimap.ndim() != 2)
    throw InvalidInput("trimap: expected shape (height, width), got " + shape_of(trimap) +
                       "; take one channel, trimap[:, :, 0]");
  require_some(trimap, "trimap");
  return {static_cast<const std::uint8_t*>(trimap.data()), size_of(trimap), trimap.strides(0), trimap.strides(1)};
}

py::array map_array(const py::object& out, const py::array& img, const py::array* trimap) {
  if (out.is_none()) return py::array_t<float>({img.shape(0), img.shape(1)});
  py::array array = require_array(out, "out");
  if (!has_dtype<float>(array)) throw InvalidInput("out: expected dtype float32, got " + dtype_of(array));
  if (array.ndim() != 2 || array.shape(0) != img.shape(0) || array.shape(1) != img.shape(1))
    throw InvalidInput("out: expected shape (" + std::to_string(img.shape(0)) + ", " + std::to_string(img.shape(1)) +
                       ") as img, got " + shape_of(array));
  if (!array.writeable()) throw InvalidInput("out: expected a writeable array, got a read-only one");
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(float) != 0 || array.strides(0) % 4 != 0 ||
      array.strides(1) % 4 != 0)
    throw InvalidInput("out: expected an aligned array; numpy.empty makes one");
  if (overlaps(array, img) || (trimap != nullptr && overlaps(array, *trimap)))
    throw InvalidInput("out: expected memory of its own, got memory it shares with img" +
                       std::string(trimap != nullptr ? " or trimap" : ""));
  return array;
}

MapView map_view(py::array& map) {
  return {static_cast<float*>(map.mutable_data()), size_of(map), map.strides(0), map.strides(1)};
}

}  // namespace dim::bindings
