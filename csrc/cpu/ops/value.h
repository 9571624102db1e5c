// The maps of a network, as its operations know them.
#pragma once

#include <string>

namespace dim::cpu {

inline constexpr int kNone = -1;

/// What a map holds for each pixel and channel.
enum class Element { float32, argmax_code, quantized };

/// A map of the network; its size is the padded picture's, halved `level` times.
struct Value {
  std::string name;
  int channels = 0;
  int level = 0;
  Element element = Element::float32;
  float scale = 1.0f;  // of a quantized one: its bytes, 0 to 127, times this
};

}  // namespace dim::cpu
