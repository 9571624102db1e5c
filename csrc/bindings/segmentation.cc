// The class Segmentation: a plan that finds objects, loaded.
#include "core/segmentation.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>

#include "backends.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "bindings/layers.h"
#include "bindings/register.h"

namespace dim::bindings {
namespace {

using namespace pybind11::literals;

std::unique_ptr<Segmentation> load(const std::filesystem::path& path, const EngineOptions& options) {
  return unlocked([&] { return load_segmentation(path.string(), options); });
}

py::array run(const Segmentation& segmentation, const py::object& img_object, const py::object& out) {
  const py::array img = require_array(img_object, "img");
  const ImageView image = image_view(img);
  py::array mask = map_array(out, img, nullptr);
  const MapView view = map_view(mask);
  unlocked([&] { segmentation.run(image, view); });
  return mask;
}

}  // namespace

void register_segmentation(py::module_& m) {
  py::class_<Segmentation>(m, "Segmentation",
                           "A loaded plan for segmentation. Safe to use from several threads at once.")
      .def(py::init(&load), "path"_a, "options"_a)
      .def("run", &run, "img"_a, "out"_a = py::none(), "The soft mask, HxW float32 in 0..1, of img (HxWx3 uint8).")
      .def_property_readonly("header", &Segmentation::header, "The plan's header, JSON.")
      .def_property_readonly("threads", [](const Segmentation& self) { return self.backend().threads(); })
      .def_property_readonly(
          "isa", [](const Segmentation& self) { return self.backend().isa(); }, "Empty on a GPU.")
      .def_property_readonly(
          "layers", [](const Segmentation& self) { return layers_of(self.backend()); },
          "(name, \"fp32\" or \"int8\") of each convolution; none on a GPU.")
      .def_property_readonly(
          "gpu_name", [](const Segmentation& self) { return self.backend().gpu_name(); }, "Empty on the CPU.");
}

}  // namespace dim::bindings
