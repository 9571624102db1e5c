// What a run shows of itself, where somebody asked.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/region.h"
#include "cpu/layers/map.h"

namespace dim::cpu {

/// The times of steps that one thread runs in turns.
class Laps {
 public:
  explicit Laps(std::size_t steps) : ms_(steps, 0.0) {}

  void start() { last_ = Clock::now(); }
  void lap(std::size_t step);
  double ms(std::size_t step) const { return ms_[step]; }

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<double> ms_;
  Clock::time_point last_;
};

class Tracing {
 public:
  /// Costs nothing when `trace` is null.
  explicit Tracing(Trace* trace) : trace_(trace) {}

  /// Notes the time since the last lap, summed by name.
  void lap(const std::string& name);
  /// The same for steps that ran at once: the time is shared out as what `threads` noted.
  void lap(const std::vector<std::string>& names, const std::vector<Laps>& threads);
  bool keeps_argmax() const { return trace_ != nullptr && trace_->keep_argmax; }
  /// Notes the codes of the next pooling, which were computed in `region`.
  void argmax(const CodeMap& codes, const Region& region);

 private:
  using Clock = std::chrono::steady_clock;
  Trace* trace_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace dim::cpu
