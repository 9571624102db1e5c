// The engine: a loaded plan, its backend, and the checks that every backend shares.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/image.h"
#include "core/plan.h"
#include "core/scaling.h"

namespace dim {

/// What a caller may want to know about a finished run.
struct RunInfo {
  std::size_t unknown_pixels = 0;
  std::size_t known_pixels = 0;
};

class Matting {
 public:
  /// `backend` was made from `plan`; of the plan itself only the header is kept.
  Matting(const Plan& plan, std::unique_ptr<Backend> backend);

  /// Writes alpha. Safe to call from several threads at once. Throws InvalidInput. Nothing is counted on a GPU.
  RunInfo run(const Request& request, std::vector<StepTime>* times = nullptr) const;

  /// The colours under a matte, where the backend runs: a ForegroundTask, or a GpuForegroundRequest for arrays there.
  template <typename Task>
  void estimate_foreground(const Task& task) const {
    backend_->estimate_foreground(task);
  }

  const std::string& header() const { return header_; }
  const Backend& backend() const { return *backend_; }

 private:
  std::string header_;
  Size min_size_, max_size_;
  std::optional<Scaling> scaling_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace dim
