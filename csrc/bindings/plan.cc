// Plan files without an engine, and what their readers know.
#include "core/plan.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <string_view>
#include <tuple>
#include <vector>

#include "bindings/gil.h"
#include "bindings/register.h"
#include "core/receptive_field.h"
#include "cpu/program.h"
#include "cpu/schedule.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

cpu::Program program_of(const py::bytes& payload, int stride) {
  const std::string_view bytes = payload;
  return cpu::parse_program(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), stride);
}

int find_halo_px(const std::vector<std::tuple<int, int, Reach>>& listed, int input, int output, int period) {
  std::vector<Dependence> dependences;
  for (const auto& [from, to, reach] : listed) dependences.push_back({from, to, reach});
  return halo_px(dependences, input, output, period);
}

}  // namespace

void register_plan(py::module_& m) {
  m.attr("PLAN_FORMAT_VERSION") = kPlanFormatVersion;
  m.def(
      "read_plan_header",
      [](const std::filesystem::path& path) { return unlocked([&] { return read_plan(path.string()).header; }); },
      "path"_a, "Reads and checks a whole plan file, its SHA-256 included; returns the header, JSON.");
  m.def(
      "check_cpu_payload",
      [](const py::bytes& payload, int stride) { cpu::make_schedule(program_of(payload, stride)); }, "payload"_a,
      "stride"_a, "Raises PlanError for the payload of a plan that no engine for the CPU would load.");
  py::class_<Reach>(m, "Reach", "Which positions of a map a position of another depends on.")
      .def_static("same", &Reach::same, "Of a pixel: what lies at the same place.")
      .def_static("around", &Reach::around, "radius"_a, "Of a convolution: so many positions to each side.")
      .def_static("window", &Reach::window, "Of a 2x2 pooling.")
      .def_static("cells_around", &Reach::cells_around, "radius"_a,
                  "Of a convolution of an unpooled map; 0: of unpooling.")
      .def_static("interpolated", &Reach::interpolated, "levels"_a, "Linear, of a map 2^levels as large.")
      .def_static("corner_to_corner", &Reach::corner_to_corner, "Linear, between maps whose corners coincide.");
  m.def("halo_px", &find_halo_px, "dependences"_a, "input"_a, "output"_a, "period"_a,
        "How far a pixel of the input can be from a pixel of the output and still have a say in it. dependences: (map "
        "that is read, map that is computed, Reach), in the order of a run; period: 2 to the number of poolings.");
  m.def(
      "read_plan_payload",
      [](const std::filesystem::path& path) {
        const Plan plan = unlocked([&] { return read_plan(path.string()); });
        return py::bytes(reinterpret_cast<const char*>(plan.payload()), plan.payload_bytes());
      },
      "path"_a, "The payload of a plan that was checked whole: for TensorRT the serialized engine.");
  m.def("plan_keys", &plan_keys, "The keys of a plan's header that are read; \"preprocessing.mean\" for one inside.");
  m.def("operations", &cpu::operations, "The operations that the program of a plan for the CPU may have.");
}

}  // namespace dim::bindings
