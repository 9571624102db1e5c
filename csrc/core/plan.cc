#include "core/plan.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"

namespace dim {
namespace {

constexpr char kMagic[] = "DIMPLAN1";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kFixedBytes = kMagicBytes + 4;
constexpr std::size_t kAlignment = 64;
constexpr int kMaxSide = 1 << 20;
constexpr std::uintmax_t kMaxReservedBytes = std::uintmax_t{4} << 30;  // a larger file grows as it is read

void check_magic(const std::uint8_t* data, std::size_t bytes, const std::string& name) {
  if (bytes < kMagicBytes || std::memcmp(data, kMagic, kMagicBytes) != 0)
    throw PlanError(name + ": is not a dim_trt plan (expected it to begin with " + kMagic +
                    "); make one with python -m dim_trt.build");
}

/// Reads no further than the first chunk of what is no plan: it may be a device without end.
std::vector<std::uint8_t> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) throw PlanError("plan '" + path + "': cannot be opened: " + std::strerror(errno));
  std::vector<std::uint8_t> bytes;
  std::error_code unknown_size;
  const auto expected = std::filesystem::file_size(path, unknown_size);
  if (!unknown_size && expected <= kMaxReservedBytes) bytes.reserve(expected);
  std::vector<std::uint8_t> chunk(std::size_t{1} << 20);
  std::size_t got = 0;
  while ((got = std::fread(chunk.data(), 1, chunk.size(), file.get())) > 0) {
    if (bytes.empty()) check_magic(chunk.data(), got, "plan '" + path + "'");
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
  }
  if (std::ferror(file.get())) throw PlanError("plan '" + path + "': cannot be read: " + std::strerror(errno));
  return bytes;
}

float float32(const Json& json) {
  const auto value = static_cast<float>(json.number());
  if (!std::isfinite(value)) throw PlanError(json.path() + ": expected a number that float32 can hold");
  return value;
}

std::array<float, 3> three_floats(const Json& json) {
  const auto& list = json.array();
  if (list.size() != 3) throw PlanError(json.path() + ": expected 3 numbers, got " + std::to_string(list.size()));
  return {float32(list[0]), float32(list[1]), float32(list[2])};
}

/// Which of `allowed` the string is.
std::size_t choice(const Json& json, const std::vector<std::string>& allowed) {
  const auto found = std::find(allowed.begin(), allowed.end(), json.string());
  if (found != allowed.end()) return static_cast<std::size_t>(found - allowed.begin());
  std::string names;
  for (const std::string& name : allowed) names += (names.empty() ? "'" : " or '") + name + "'";
  throw PlanError(json.path() + ": expected " + names + ", got '" + json.string() + "'");
}

Resize parse_resize(const Json& json, int stride) {
  const auto interpolation = [&](const char* name) {
    return static_cast<Interpolation>(choice(json.at(name), {"nearest", "linear", "cubic"}));
  };
  Resize r;
  r.up = choice(json.at("round"), {"down", "up"}) == 1;
  r.max_side = static_cast<int>(json.at("max_side").integer(0, kMaxSide));
  if (r.max_side % stride != 0)
    throw PlanError(json.path() + ".max_side: expected a multiple of " + std::to_string(stride) + ", got " +
                    std::to_string(r.max_side));
  r.whole_levels = choice(json.at("pixels"), {"float32", "uint8"}) == 1;
  r.img = interpolation("img"), r.trimap = interpolation("trimap"), r.alpha = interpolation("alpha");
  return r;
}

Preprocessing parse_preprocessing(const Json& json) {
  Preprocessing p;
  p.rgb = choice(json.at("channel_order"), {"bgr", "rgb"}) == 1;
  p.mean = three_floats(json.at("mean"));
  p.std = three_floats(json.at("std"));
  for (const float s : p.std)
    if (!(std::abs(s) > 1e-12f)) throw PlanError(json.path() + ".std: expected numbers other than 0");
  p.trimap_scale = float32(json.at("trimap_scale"));
  p.stride = static_cast<int>(json.at("stride").integer(1, 1024));
  if (json.has("trimap_values")) p.raw_trimap = choice(json.at("trimap_values"), {"canonical", "raw"}) == 1;
  p.reflect = choice(json.at("padding"), {"none", "reflect"}) == 1;
  if (json.has("resize") && !json.at("resize").is_null()) {
    choice(json.at("padding"), {"none"});
    p.resize = parse_resize(json.at("resize"), p.stride);
  }
  return p;
}

Size parse_size(const Json& json) {
  const auto& list = json.array();
  if (list.size() != 2) throw PlanError(json.path() + ": expected [height, width]");
  return {static_cast<int>(list[0].integer(1, kMaxSide)), static_cast<int>(list[1].integer(1, kMaxSide))};
}

void check_payload(const Plan& plan, const Json& json, const std::string& name) {
  const auto bytes = static_cast<std::size_t>(json.at("bytes").integer(0, std::int64_t{1} << 40));
  if (plan.payload_bytes() != bytes)
    throw PlanError(name + ": is incomplete or has extra bytes: the payload should have " + std::to_string(bytes) +
                    " bytes and has " + std::to_string(plan.payload_bytes()) +
                    "; copy the file again or rebuild it with python -m dim_trt.build");
  if (sha256_hex(plan.payload(), plan.payload_bytes()) != json.at("sha256").string())
    throw PlanError(name +
                    ": is damaged: its SHA-256 is not the one in the header; copy the file again or rebuild "
                    "it with python -m dim_trt.build");
}

}  // namespace

Plan parse_plan(std::vector<std::uint8_t> file, const std::string& name) {
  Plan plan;
  plan.file = std::move(file);
  const std::uint8_t* data = plan.file.data();
  const std::size_t bytes = plan.file.size();
  check_magic(data, bytes, name);
  if (bytes < kFixedBytes) throw PlanError(name + ": is incomplete: it ends inside the header");
  const std::size_t header_bytes =
      std::size_t{data[8]} | std::size_t{data[9]} << 8 | std::size_t{data[10]} << 16 | std::size_t{data[11]} << 24;
  if (header_bytes > bytes - kFixedBytes) throw PlanError(name + ": is incomplete: it ends inside the header");
  plan.payload_offset = (kFixedBytes + header_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (plan.payload_offset > bytes) throw PlanError(name + ": is incomplete: it ends before the payload");
  plan.header.assign(reinterpret_cast<const char*>(data) + kFixedBytes, header_bytes);

  const Json header = Json::parse(plan.header, name + ": header");
  const auto version = header.at("format_version").integer(0, 1 << 30);
  if (version != kPlanFormatVersion)
    throw PlanError(name + ": has format version " + std::to_string(version) + ", and this dim_trt reads version " +
                    std::to_string(kPlanFormatVersion) +
                    (version > kPlanFormatVersion ? "; upgrade dim_trt" : "; rebuild it with python -m dim_trt.build"));
  plan.backend = header.at("backend").string();
  plan.precision = header.at("precision").string();
  plan.preprocessing = parse_preprocessing(header.at("preprocessing"));
  plan.min_size = parse_size(header.at("shapes").at("min"));
  plan.max_size = parse_size(header.at("shapes").at("max"));
  check_payload(plan, header.at("payload"), name);
  return plan;
}

Plan read_plan(const std::string& path) { return parse_plan(read_file(path), "plan '" + path + "'"); }

}  // namespace dim
