// Preprocessing by itself: its description checked, a network's input made.
#include "core/preprocessing.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "core/network_input.h"
#include "core/scaling.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

Preprocessing parse(const std::string& json) { return read_preprocessing(Json::parse(json, "preprocessing")); }

py::tuple make_input(const py::object& img_object, const py::object& trimap_object, const std::string& preprocessing,
                     const std::string& color) {
  const py::array img = require_array(img_object, "img");
  const ImageView image = image_view(img);
  const Preprocessing settings = parse(preprocessing);
  if (!trimap_object.is_none() && !settings.guide)
    throw InvalidInput("trimap: expected None, as the network takes none; leave it out");
  if (trimap_object.is_none() && settings.guide)
    throw InvalidInput("trimap: expected an array, as the network takes one, got None");
  const ByteView marks = settings.guide ? trimap_view(require_array(trimap_object, "trimap")) : ByteView{};
  if (settings.guide && image.size != marks.size)
    throw InvalidInput("trimap: expected the image's size, " + to_string(image.size) + ", got " +
                       to_string(marks.size));
  const bool is_rgb = parse_color(color);
  const NetworkInput input = unlocked([&] { return network_input(settings, {image, marks}, marks, is_rgb); });
  py::array_t<float> planes({input.channels, input.size.height, input.size.width});
  py::array_t<bool> wanted({input.size.height, input.size.width});
  std::copy(input.planes.begin(), input.planes.end(), planes.mutable_data());
  std::copy(input.wanted.begin(), input.wanted.end(), wanted.mutable_data());
  return py::make_tuple(planes, wanted);
}

std::vector<std::string> keys() {
  std::vector<std::string> names;
  list_preprocessing_keys("", names);
  return names;
}

}  // namespace

void register_preprocessing(py::module_& m) {
  m.def(
      "check_preprocessing", [](const std::string& json) { parse(json); }, "json"_a,
      "Raises PlanError that names the key which makes no sense.");
  m.def("preprocessing_keys", &keys, "The keys that are read; \"resize.round\" for one inside.");
  m.def(
      "network_size",
      [](std::pair<int, int> size, const std::string& preprocessing) {
        const Size network = network_size(parse(preprocessing), {size.first, size.second});
        return std::make_pair(network.height, network.width);
      },
      "size"_a, "preprocessing"_a, "(height, width) of what a network is fed for a picture of (height, width).");
  m.def("network_input", &make_input, "img"_a, "trimap"_a, "preprocessing"_a, py::kw_only(), "color"_a = "bgr",
        "(planes, wanted): what a network is fed for a picture, CxHxW float32, and where (HxW bool) the alpha of "
        "unknown pixels is made of its result. preprocessing is JSON; trimap is None for a network that takes none.");
}

}  // namespace dim::bindings
