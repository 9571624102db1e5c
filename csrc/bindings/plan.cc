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
#include "cpu/schedule.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

/// Throws PlanError for a payload that no engine for the CPU would load.
void check_cpu_payload(const py::bytes& payload, int stride) {
  const std::string_view bytes = payload;
  cpu::make_schedule(cpu::parse_program(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), stride));
}

}  // namespace

void register_plan(py::module_& m) {
  m.attr("PLAN_FORMAT_VERSION") = kPlanFormatVersion;
  m.def(
      "read_plan_header",
      [](const std::filesystem::path& path) { return unlocked([&] { return read_plan(path.string()).header; }); },
      "path"_a, "Reads and checks a whole plan file, its SHA-256 included; returns the header, JSON.");
  m.def("check_cpu_payload", &check_cpu_payload, "payload"_a, "stride"_a,
        "Raises PlanError for the payload of a plan that no engine for the CPU would load.");
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
