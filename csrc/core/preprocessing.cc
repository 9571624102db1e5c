#include "core/preprocessing.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "core/keys.h"

namespace dim {
namespace {

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

Interpolation interpolation(const Json& json) {
  return static_cast<Interpolation>(choice(json, {"nearest", "linear", "cubic"}));
}

struct ResizeTarget {
  Resize resize;
  int stride;
};

void read_size(const Json& json, ResizeTarget& to) {
  const auto& sides = json.array();
  if (sides.size() != 2) throw PlanError(json.path() + ": expected [height, width]");
  to.resize.size =
      Size{static_cast<int>(sides[0].integer(1, kMaxSide)), static_cast<int>(sides[1].integer(1, kMaxSide))};
  if (to.resize.size->height % to.stride != 0 || to.resize.size->width % to.stride != 0)
    throw PlanError(json.path() + ": expected multiples of " + std::to_string(to.stride) + ", got " +
                    to_string(*to.resize.size));
}

constexpr Key<ResizeTarget> kResizeKeys[] = {
    {"size", read_size, true},
    {"round", [](const Json& json, ResizeTarget& to) { to.resize.up = choice(json, {"down", "up"}) == 1; }, true},
    {"max_side",
     [](const Json& json, ResizeTarget& to) {
       to.resize.max_side = static_cast<int>(json.integer(0, kMaxSide));
       if (to.resize.max_side % to.stride != 0)
         throw PlanError(json.path() + ": expected a multiple of " + std::to_string(to.stride) + ", got " +
                         std::to_string(to.resize.max_side));
     },
     true},
    {"pixels",
     [](const Json& json, ResizeTarget& to) { to.resize.whole_levels = choice(json, {"float32", "uint8"}) == 1; }},
    {"img", [](const Json& json, ResizeTarget& to) { to.resize.img = interpolation(json); }},
    {"trimap", [](const Json& json, ResizeTarget& to) { to.resize.guide = interpolation(json); }, true},
    {"alpha", [](const Json& json, ResizeTarget& to) { to.resize.alpha = interpolation(json); }},
};

struct PreprocessingTarget {
  Preprocessing settings;
  const Json* padding = nullptr;
};

void read_std(const Json& json, PreprocessingTarget& to) {
  to.settings.std = three_floats(json);
  for (const float s : to.settings.std)
    if (!(std::abs(s) > 1e-12f)) throw PlanError(json.path() + ": expected numbers other than 0");
}

void read_trimap_scale(const Json& json, PreprocessingTarget& to) {
  to.settings.guide = Guide{float32(json)};
  if (!(std::abs(to.settings.guide->scale) > 1e-12f)) throw PlanError(json.path() + ": expected a number other than 0");
}

/// A key that must be there, or must not, as another says.
void check_key(const Json& json, const char* key, bool wanted, const char* otherwise) {
  if (wanted)
    json.at(key);
  else if (json.has(key))
    throw PlanError(json.path() + "." + key + ": expected none " + otherwise);
}

void read_resize(const Json& json, PreprocessingTarget& to) {
  if (json.is_null()) return;
  if (to.settings.reflect) throw PlanError(to.padding->path() + ": expected 'none' with resize, got 'reflect'");
  const bool is_fixed = json.has("size");
  for (const char* key : {"round", "max_side"}) check_key(json, key, !is_fixed, "with size");
  check_key(json, "trimap", to.settings.guide.has_value(), "without trimap_scale");
  ResizeTarget target = {{}, to.settings.stride};
  read_keys(json, kResizeKeys, target);
  to.settings.resize = target.resize;
}

constexpr Key<PreprocessingTarget> kPreprocessingKeys[] = {
    {"channel_order",
     [](const Json& json, PreprocessingTarget& to) { to.settings.rgb = choice(json, {"bgr", "rgb"}) == 1; }},
    {"mean", [](const Json& json, PreprocessingTarget& to) { to.settings.mean = three_floats(json); }},
    {"std", read_std},
    {"trimap_scale", read_trimap_scale, true},
    {"stride",
     [](const Json& json, PreprocessingTarget& to) { to.settings.stride = static_cast<int>(json.integer(1, 1024)); }},
    {"trimap_values",
     [](const Json& json, PreprocessingTarget& to) {
       if (!to.settings.guide) throw PlanError(json.path() + ": expected none without trimap_scale");
       to.settings.guide->raw = choice(json, {"canonical", "raw"}) == 1;
     },
     true},
    {"padding",
     [](const Json& json, PreprocessingTarget& to) {
       to.settings.reflect = choice(json, {"none", "reflect"}) == 1;
       to.padding = &json;
     }},
    {"resize", read_resize, true, list_keys<kResizeKeys>},
};

}  // namespace

Preprocessing read_preprocessing(const Json& json) {
  PreprocessingTarget target;
  read_keys(json, kPreprocessingKeys, target);
  return target.settings;
}

void list_preprocessing_keys(const std::string& prefix, std::vector<std::string>& names) {
  list_keys<kPreprocessingKeys>(prefix, names);
}

}  // namespace dim
