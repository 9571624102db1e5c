#include "core/plan.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "core/keys.h"

namespace dim {
namespace {

constexpr char kMagic[] = "DIMPLAN1";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kFixedBytes = kMagicBytes + 4;
constexpr std::size_t kAlignment = 64;
constexpr int kMaxChannels = 1 << 14;
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

Size parse_size(const Json& json) {
  const auto& list = json.array();
  if (list.size() != 2) throw PlanError(json.path() + ": expected [height, width]");
  return {static_cast<int>(list[0].integer(1, kMaxSide)), static_cast<int>(list[1].integer(1, kMaxSide))};
}

constexpr Key<Plan> kShapeKeys[] = {
    {"min", [](const Json& json, Plan& plan) { plan.min_size = parse_size(json); }},
    {"max", [](const Json& json, Plan& plan) { plan.max_size = parse_size(json); }},
};

std::vector<MapInfo> parse_maps(const Json& json) {
  std::vector<MapInfo> maps;
  for (const Json& map : json.array())
    maps.push_back({map.at("name").string(), static_cast<int>(map.at("channels").integer(1, kMaxChannels))});
  return maps;
}

struct HeaderTarget {
  Plan& plan;
  const std::string& name;  // of the file, for messages
};

void check_version(const Json& json, HeaderTarget& to) {
  const auto version = json.integer(0, 1 << 30);
  if (version != kPlanFormatVersion)
    throw PlanError(to.name + ": has format version " + std::to_string(version) + ", and this dim_trt reads version " +
                    std::to_string(kPlanFormatVersion) +
                    (version > kPlanFormatVersion ? "; upgrade dim_trt" : "; rebuild it with python -m dim_trt.build"));
}

void check_bytes(const Json& json, HeaderTarget& to) {
  const auto bytes = static_cast<std::size_t>(json.integer(0, std::int64_t{1} << 40));
  if (to.plan.payload_bytes() != bytes)
    throw PlanError(to.name + ": is incomplete or has extra bytes: the payload should have " + std::to_string(bytes) +
                    " bytes and has " + std::to_string(to.plan.payload_bytes()) +
                    "; copy the file again or rebuild it with python -m dim_trt.build");
}

void check_hash(const Json& json, HeaderTarget& to) {
  if (sha256_hex(to.plan.payload(), to.plan.payload_bytes()) != json.string())
    throw PlanError(to.name +
                    ": is damaged: its SHA-256 is not the one in the header; copy the file again or rebuild "
                    "it with python -m dim_trt.build");
}

constexpr Key<HeaderTarget> kPayloadKeys[] = {{"bytes", check_bytes}, {"sha256", check_hash}};

constexpr Key<HeaderTarget> kHeaderKeys[] = {
    {"format_version", check_version},
    {"task", [](const Json& json, HeaderTarget& to) { to.plan.task = json.string(); }},
    {"backend", [](const Json& json, HeaderTarget& to) { to.plan.backend = json.string(); }},
    {"inputs", [](const Json& json, HeaderTarget& to) { to.plan.inputs = parse_maps(json); }},
    {"outputs", [](const Json& json, HeaderTarget& to) { to.plan.outputs = parse_maps(json); }},
    {"preprocessing", [](const Json& json, HeaderTarget& to) { to.plan.preprocessing = read_preprocessing(json); },
     false, list_preprocessing_keys},
    {"shapes", [](const Json& json, HeaderTarget& to) { read_keys(json, kShapeKeys, to.plan); }, false,
     list_keys<kShapeKeys>},
    {"payload", [](const Json& json, HeaderTarget& to) { read_keys(json, kPayloadKeys, to); }, false,
     list_keys<kPayloadKeys>},
};

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

  HeaderTarget target = {plan, name};
  read_keys(Json::parse(plan.header, name + ": header"), kHeaderKeys, target);
  return plan;
}

std::vector<std::string> plan_keys() {
  std::vector<std::string> names;
  list_keys<kHeaderKeys>("", names);
  return names;
}

Plan read_plan(const std::string& path) { return parse_plan(read_file(path), "plan '" + path + "'"); }

}  // namespace dim
