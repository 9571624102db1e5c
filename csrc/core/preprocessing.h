// What a network is fed, as headers of plans and metadata of ONNX files say it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/size.h"
#include "core/resample.h"

namespace dim {

inline constexpr int kMaxSide = 1 << 20;  // of a picture, in pixels

/// How pictures are scaled to sides that the network can halve. Both sides on their own, so the aspect may change.
struct Resize {
  std::optional<Size> size;  // of every picture; otherwise
  bool up = false;           // sides are rounded up to a multiple of the stride, or down, but not to 0,
  int max_side = 0;          // and the longest is this; 0: any
  bool whole_levels = true;  // image and guide are scaled as uint8, otherwise as float32
  Interpolation img = Interpolation::kLinear;
  Interpolation guide = Interpolation::kLinear;
  Interpolation alpha = Interpolation::kLinear;  // on the way back
};

/// What a network is fed beside the colors: for matting the trimap.
struct Guide {
  float scale = 0.0f;
  bool raw = false;  // its values as they are; otherwise every unknown one becomes 128
};

inline constexpr int kColors = 3;

/// What turns a picture into the network's input; `input = (value - mean) / std`, and the guide * scale.
struct Preprocessing {
  bool rgb = true;  // channel order the network wants
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
  std::optional<Guide> guide;
  int stride = 1;                // height and width become multiples of this:
  std::optional<Resize> resize;  // scaled so; otherwise they are filled up at the bottom and right,
  bool reflect = true;           // by reflection, or so that every map ends where the picture does

  /// Of the network's input.
  int channels() const { return guide ? kColors + 1 : kColors; }
};

/// The one check of such a description. Throws PlanError that names the key.
Preprocessing read_preprocessing(const Json& json);

/// Appends the keys that are read, after `prefix`; "resize.round" for one inside an object.
void list_preprocessing_keys(const std::string& prefix, std::vector<std::string>& names);

}  // namespace dim
