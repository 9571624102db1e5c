// The plan file: `magic "DIMPLAN1" | u32 header length | JSON header | padding to 64 | payload`.
// This reader, core/preprocessing, base/json, cpu/program and cpu/ops are the only parsers of foreign bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/size.h"
#include "core/preprocessing.h"

namespace dim {

inline constexpr int kPlanFormatVersion = 2;

/// What a network reads or writes, a value for each channel of each pixel.
struct MapInfo {
  std::string name;
  int channels = 0;
};

struct Plan {
  std::string header;  // the JSON text
  std::string task;    // what the network is for: who runs it must know
  std::string backend;
  std::vector<MapInfo> inputs, outputs;
  Preprocessing preprocessing;
  Size min_size, max_size;  // of pictures, before padding

  const std::uint8_t* payload() const { return file.data() + payload_offset; }
  std::size_t payload_bytes() const { return file.size() - payload_offset; }

  std::vector<std::uint8_t> file;
  std::size_t payload_offset = 0;
};

/// Reads and checks everything, the payload's SHA-256 included. Throws PlanError.
Plan read_plan(const std::string& path);

/// The same for a plan that is already in memory; `name` is for messages.
Plan parse_plan(std::vector<std::uint8_t> file, const std::string& name);

/// The keys of the header that are read, "preprocessing.mean" for one inside an object.
std::vector<std::string> plan_keys();

}  // namespace dim
