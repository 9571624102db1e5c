// What a run shows of itself, where somebody asked.
#pragma once

#include <chrono>
#include <string>

#include "core/backend.h"
#include "core/region.h"
#include "cpu/layers/map.h"

namespace dim::cpu {

class Tracing {
 public:
  /// Costs nothing when `trace` is null.
  explicit Tracing(Trace* trace) : trace_(trace) {}

  /// Notes the time since the last lap, summed by name.
  void lap(const std::string& name);
  bool keeps_argmax() const { return trace_ != nullptr && trace_->keep_argmax; }
  /// Notes the codes of the next pooling, which were computed in `region`.
  void argmax(const CodeMap& codes, const Region& region);

 private:
  using Clock = std::chrono::steady_clock;
  Trace* trace_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace dim::cpu
