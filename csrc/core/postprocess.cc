#include "core/postprocess.h"

namespace dim {

void postprocess_row(const TrimapView& trimap, int y, const float* network, int network_step, const AlphaView& alpha,
                     bool clamp) {
  for (int x = 0; x < trimap.size.width; ++x) {
    const std::uint8_t t = trimap.at(y, x);
    float value = t == kForeground ? 1.0f : 0.0f;
    if (is_unknown(t)) {
      if (network == nullptr) continue;
      value = network[x * network_step];
      if (clamp) value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
    }
    alpha.at(y, x) = value;
  }
}

}  // namespace dim
