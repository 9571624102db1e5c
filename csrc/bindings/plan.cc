// Plan files without an engine, and what their readers know.
#include "core/plan.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <string_view>

#include "bindings/gil.h"
#include "bindings/register.h"
#include "cpu/program.h"
#include "cpu/receptive_field.h"
#include "cpu/schedule.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

cpu::Program program_of(const py::bytes& payload, int stride) {
  const std::string_view bytes = payload;
  return cpu::parse_program(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), stride);
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
  m.def(
      "halo_px", [](const py::bytes& payload, int stride) { return cpu::halo_px(program_of(payload, stride)); },
      "payload"_a, "stride"_a,
      "How far a pixel of the input can be from a pixel of the output and still have a say in it, of the network in "
      "the "
      "payload of a plan for the CPU; raises PlanError.");
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
