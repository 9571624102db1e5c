// A network's input by itself, for who runs the network elsewhere: exactly what a backend feeds it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/backend.h"
#include "core/preprocessing.h"

namespace dim {

struct NetworkInput {
  int channels = 0;
  Size size;
  std::vector<float> planes;         // [channels][height][width]
  std::vector<std::uint8_t> wanted;  // [height][width] 1 where unknown pixels are made of the result, else 0
};

/// `image_is_rgb`: the picture's channel order.
NetworkInput network_input(const Preprocessing& settings, const Inputs& inputs, const ByteView& known,
                           bool image_is_rgb);

}  // namespace dim
