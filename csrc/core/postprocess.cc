#include "core/postprocess.h"

namespace dim {

void postprocess_row(const ByteView& known, int y, const float* network, int network_step, const MapView& map,
                     bool clamp) {
  for (int x = 0; x < map.size.width; ++x) {
    const std::uint8_t t = known.empty() ? kUnknown : known.at(y, x);
    float& pixel = map.at(y, x);
    if (!is_unknown(t)) {
      pixel = t == kKnownOne ? 1.0f : 0.0f;
    } else if (network != nullptr) {
      float value = network[x * network_step];
      if (clamp) value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
      pixel = map.adds ? pixel + map.share * value : map.share * value;
    }
  }
}

}  // namespace dim
