// A whole plan file: refused with a PlanError, or, if it is one for the CPU, loaded and run.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>

#include "harness.h"

namespace {

/// Size and SHA-256 in the header as the payload has them, so that the reader goes on to the rest.
void repair(dim::fuzz::Parts& parts) {
  static const std::regex bytes("\"bytes\": *[0-9]+"), hash("\"sha256\": *\"[0-9a-f]*\"");
  parts.text = std::regex_replace(parts.text, bytes, "\"bytes\": " + std::to_string(parts.rest.size()));
  parts.text = std::regex_replace(parts.text, hash,
                                  "\"sha256\": \"" + dim::sha256_hex(parts.rest.data(), parts.rest.size()) + "\"");
}

void expect_refused(const std::string& path) {
  try {
    dim::read_plan(path);
  } catch (const dim::PlanError&) {
    return;
  }
  std::abort();
}

}  // namespace

/// What no bytes of a file can say: the names that the readers know, a file that is missing, a folder, an endless
/// device, a whole good plan.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  if (dim::plan_keys().empty() || dim::cpu::operations().empty()) std::abort();
  for (const char* path : {"/nonexistent/plan", "/", "/dev/zero", "/dev/null"}) expect_refused(path);
  dim::fuzz::Parts parts = {
      R"({"format_version": 2, "task": "matting", "backend": "cpu", "inputs": [], "outputs": [], "preprocessing": {)"
      R"("channel_order": "rgb", "mean": [0, 0, 0], "std": [1, 1, 1], "trimap_scale": 1,)"
      R"("stride": 1, "padding": "reflect"}, "shapes": {"min": [1, 1], "max": [1, 1]},)"
      R"("payload": {"bytes": 0, "sha256": ""}})",
      dim::fuzz::Bytes(3 << 19)};
  repair(parts);
  const dim::fuzz::Bytes file = dim::fuzz::join("DIMPLAN1", parts);
  char name[] = "/tmp/dim_fuzz_plan_XXXXXX";
  const int descriptor = mkstemp(name);
  if (descriptor < 0) std::abort();
  std::ofstream(name, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  if (dim::read_plan(name).payload_bytes() != parts.rest.size()) std::abort();
  std::filesystem::resize_file(name, 0);
  std::filesystem::resize_file(name, std::uintmax_t{1} << 40);  // sparse: no plan, and too large to be read
  expect_refused(name);
  std::remove(name);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const dim::Plan plan = dim::parse_plan({data, data + size}, "plan");
    if (plan.backend == "cpu") dim::fuzz::load_and_run(plan);
  } catch (const dim::PlanError&) {
  } catch (const dim::InvalidInput&) {
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  dim::fuzz::Parts parts;
  if (seed % 16 == 0 || !dim::fuzz::split(data, size, 8, parts)) return LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 1)
    dim::fuzz::mutate(parts.rest, max_size - size + parts.rest.size());
  else
    dim::fuzz::mutate(parts.text, max_size - size + parts.text.size());
  if (seed % 32 != 2) repair(parts);
  return dim::fuzz::put(dim::fuzz::join("DIMPLAN1", parts), data, size, max_size);
}
