// The plan file: `magic "DIMPLAN1" | u32 header length | JSON header | padding to 64 | payload`.
// This reader, base/json, cpu/program and cpu/ops are the only parsers of foreign bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/size.h"
#include "core/resample.h"

namespace dim {

inline constexpr int kPlanFormatVersion = 1;

/// How pictures are scaled to sides that the network can halve. Both sides on their own, so the aspect may change.
struct Resize {
  bool up = false;           // sides are rounded up to a multiple of the stride; otherwise down, but not to 0
  int max_side = 0;          // the longest side; 0: any
  bool whole_levels = true;  // image and trimap are scaled as uint8, otherwise as float32
  Interpolation img = Interpolation::kLinear;
  Interpolation trimap = Interpolation::kLinear;
  Interpolation alpha = Interpolation::kLinear;  // on the way back
};

/// What turns a picture into the network's input; `input = (value - mean) / std`, trimap * scale.
struct Preprocessing {
  bool rgb = true;  // channel order the network wants
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
  float trimap_scale = 0.0f;
  bool raw_trimap = false;       // the trimap's values as they are; otherwise every unknown one becomes 128
  int stride = 1;                // height and width become multiples of this:
  std::optional<Resize> resize;  // scaled so; otherwise they are filled up at the bottom and right,
  bool reflect = true;           // by reflection, or so that every map ends where the picture does
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

/// The keys of the header that are read, "preprocessing.mean" for one inside an object.
std::vector<std::string> plan_keys();

}  // namespace dim
