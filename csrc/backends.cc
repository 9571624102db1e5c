#include "backends.h"

#include "base/cores.h"
#include "base/error.h"
#include "core/task.h"
#include "cpu/runner.h"
#include "tensorrt/library.h"

namespace dim {
namespace {

/// `least` 0: 0 stands for the default.
void check_count(const char* name, int value, int least) {
  if (value < least || value > kThreadLimit)
    throw InvalidInput(std::string(name) + ": expected 1 to " + std::to_string(kThreadLimit) + ", got " +
                       std::to_string(value));
}

void check_backend(const Plan& plan, const std::string& backend) {
  if (backend.empty() || plan.backend == backend) return;
  throw BackendUnavailable("device: '" + std::string(backend == "cpu" ? "cpu" : "cuda") +
                           "' cannot run this plan, which was built for the " + plan.backend +
                           " backend; build one with python -m dim_trt.build --backend " + backend);
}

/// The plan, where it and the options are what they must be.
Plan plan_for(const std::string& path, const EngineOptions& options, const std::string& task) {
  check_count("threads", options.cpu.threads, 0);
  check_count("max_concurrent", options.tensorrt.max_concurrent, 1);
  Plan plan = read_plan(path);
  check_task(plan, task);
  check_backend(plan, options.backend);
  return plan;
}

}  // namespace

std::unique_ptr<Backend> make_backend(const Plan& plan, const EngineOptions& options) {
  if (plan.backend == "cpu")
    return std::make_unique<cpu::Runner>(plan, options.rgb, cpu::within(options.limits.memory_bytes, options.cpu));
  if (plan.backend == "tensorrt") {
    const tensorrt::Status status = tensorrt::find_tensorrt(options.tensorrt.folders);
    if (!status.available())
      throw BackendUnavailable("plan: it was built for the tensorrt backend, and " + status.problem +
                               "; or build one for the CPU with python -m dim_trt.build --backend cpu");
    return tensorrt::module(options.tensorrt.folders).load(plan, options.rgb, options.tensorrt);
  }
  throw PlanError("plan: expected backend 'cpu' or 'tensorrt', got '" + plan.backend +
                  "'; rebuild it with python -m dim_trt.build");
}

std::unique_ptr<Matting> load_matting(const std::string& path, const EngineOptions& options) {
  const Plan plan = plan_for(path, options, kMatting);
  const MattingOptions matting = {options.limits, options.orientations, options.closed_form};
  return std::make_unique<Matting>(plan, make_backend(plan, options), matting);
}

std::unique_ptr<Segmentation> load_segmentation(const std::string& path, const EngineOptions& options) {
  const Plan plan = plan_for(path, options, kSegmentation);
  return std::make_unique<Segmentation>(plan, make_backend(plan, options));
}

}  // namespace dim
