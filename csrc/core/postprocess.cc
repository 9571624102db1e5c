#include "core/postprocess.h"

#include "core/runs.h"

namespace dim {

void postprocess_row(const ByteView& known, int y, const float* network, int network_step, const MapView& map,
                     bool clamp) {
  const auto computed = [&](int begin, int end) {
    for (int x = begin; network != nullptr && x < end; ++x) {
      float value = network[x * network_step];
      if (clamp) value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
      float& pixel = map.at(y, x);
      pixel = map.adds ? pixel + map.share * value : map.share * value;
    }
  };
  if (known.empty()) return computed(0, map.size.width);
  for_runs(known, y, 0, map.size.width, [&](std::uint8_t value, int begin, int end) {
    if (is_unknown(value)) return computed(begin, end);
    for (int x = begin; x < end; ++x) map.at(y, x) = value == kKnownOne ? 1.0f : 0.0f;
  });
}

}  // namespace dim
