// The one place that knows every backend.
#pragma once

#include <memory>

#include "core/backend.h"
#include "core/plan.h"

namespace dim {

struct BackendOptions {
  int threads = 0;   // 0: every core this process may use
  bool rgb = false;  // channel order of the pictures
};

/// The backend that `plan` was built for. Throws PlanError, BackendUnavailable.
std::unique_ptr<Backend> make_backend(const Plan& plan, const BackendOptions& options);

}  // namespace dim
