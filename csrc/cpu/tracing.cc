#include "cpu/tracing.h"

#include <numeric>
#include <utility>

namespace dim::cpu {

void Laps::lap(std::size_t step) {
  const Clock::time_point now = Clock::now();
  ms_[step] += std::chrono::duration<double, std::milli>(now - last_).count();
  last_ = now;
}

void Tracing::lap(const std::string& name) {
  if (trace_ == nullptr) return;
  const Clock::time_point now = Clock::now();
  trace_->add(name, std::chrono::duration<double, std::milli>(now - last_).count());
  last_ = now;
}

void Tracing::lap(const std::vector<std::string>& names, const std::vector<Laps>& threads) {
  if (trace_ == nullptr) return;
  const Clock::time_point now = Clock::now();
  const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
  std::vector<double> noted(names.size(), 0.0);
  for (std::size_t s = 0; s < names.size(); ++s)
    for (const Laps& laps : threads) noted[s] += laps.ms(s);
  const double all = std::accumulate(noted.begin(), noted.end(), 0.0);
  for (std::size_t s = 0; s < names.size(); ++s) trace_->add(names[s], all > 0 ? ms * noted[s] / all : 0.0);
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
