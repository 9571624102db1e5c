#include "backends.h"

#include "core/error.h"
#include "cpu/runner.h"

namespace dim {

std::unique_ptr<Backend> make_backend(const Plan& plan, const BackendOptions& options) {
  if (plan.backend == "cpu")
    return std::make_unique<cpu::Runner>(plan, options.threads, options.rgb, options.strip_bytes);
  if (plan.backend == "tensorrt")
    throw BackendUnavailable(
        "plan: it was built for the tensorrt backend, which this installation of dim_trt does not have; build one "
        "for this machine with python -m dim_trt.build --backend cpu");
  throw PlanError("plan: expected backend 'cpu' or 'tensorrt', got '" + plan.backend +
                  "'; rebuild it with python -m dim_trt.build");
}

}  // namespace dim
