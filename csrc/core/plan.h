// The plan file: `magic "DIMPLAN1" | u32 header length | JSON header | padding to 64 | payload`.
// This reader and core/json are the only parsers of foreign bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/image.h"

namespace dim {

inline constexpr int kPlanFormatVersion = 1;

/// What turns a picture into the network's input; `input = (value - mean) / std`, trimap as {0, 128, 255} * scale.
struct Preprocessing {
  bool rgb = true;  // channel order the network wants
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
  float trimap_scale = 0.0f;
  int stride = 1;  // height and width are padded (reflected, bottom and right) to a multiple of this
};

struct Plan {
  std::string header;  // the JSON text
  std::string backend;
  std::string precision;
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

}  // namespace dim
