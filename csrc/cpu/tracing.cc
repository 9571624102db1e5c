#include "cpu/tracing.h"

#include <utility>

namespace dim::cpu {

void Tracing::lap(const std::string& name) {
  if (trace_ == nullptr) return;
  const Clock::time_point now = Clock::now();
  trace_->add(name, std::chrono::duration<double, std::milli>(now - last_).count());
  last_ = now;
}

void Tracing::argmax(const CodeMap& codes, const Region& region) {
  const MapLayout& layout = codes.layout;
  const std::size_t area = layout.size.area();
  ArgmaxCodes kept = {layout.channels, layout.size, {}};
  kept.codes.assign(area * static_cast<std::size_t>(layout.channels), ArgmaxCodes::kNotComputed);
  for (int c = 0; c < layout.channels; ++c)
    for (int y = 0; y < layout.size.height; ++y) {
      std::uint8_t* to = kept.codes.data() + static_cast<std::size_t>(c) * area +
                         static_cast<std::size_t>(y) * static_cast<std::size_t>(layout.size.width);
      for (const Span& span : region.row(y))
        for (int x = span.begin; x < span.end; ++x) to[x] = *codes.channel(c, y, x);
    }
  trace_->argmax.push_back(std::move(kept));
}

}  // namespace dim::cpu
