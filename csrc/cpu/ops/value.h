// The maps of a network, as its operations know them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dim::cpu {

inline constexpr int kNone = -1;

/// What a map holds for each pixel and channel.
enum class Element { float32, argmax_code };

constexpr std::size_t bytes_of(Element element) {
  switch (element) {
    case Element::float32:
      return sizeof(float);
    case Element::argmax_code:
      return sizeof(std::uint8_t);
  }
  return 0;
}

/// A map of the network; its size is the padded picture's, halved `level` times.
struct Value {
  std::string name;
  int channels = 0;
  int level = 0;
  Element element = Element::float32;
};

}  // namespace dim::cpu
