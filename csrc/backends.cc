#include "backends.h"

#include "base/error.h"
#include "cpu/runner.h"
#include "tensorrt/library.h"

namespace dim {

std::unique_ptr<Backend> make_backend(const Plan& plan, const BackendOptions& options) {
  if (plan.backend == "cpu")
    return std::make_unique<cpu::Runner>(plan, options.threads, options.rgb, options.strip_bytes);
  if (plan.backend == "tensorrt") {
    const tensorrt::Status status = tensorrt::find_tensorrt(options.tensorrt_folders);
    if (!status.available())
      throw BackendUnavailable("plan: it was built for the tensorrt backend, and " + status.problem +
                               "; or build one for the CPU with python -m dim_trt.build --backend cpu");
    return tensorrt::module(options.tensorrt_folders)
        .load(plan, {options.gpu, options.rgb, options.crop, options.max_concurrent, options.cuda_graphs});
  }
  throw PlanError("plan: expected backend 'cpu' or 'tensorrt', got '" + plan.backend +
                  "'; rebuild it with python -m dim_trt.build");
}

}  // namespace dim
