// The TensorRT backend: preprocessing, network and postprocessing on one CUDA stream per run.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/backend.h"
#include "core/plan.h"
#include "core/window.h"
#include "cuda/preprocess.h"
#include "tensorrt/foreground.h"
#include "tensorrt/slots.h"

namespace dim::tensorrt {

class Runner final : public Backend {
 public:
  /// Throws PlanError where the plan is for another TensorRT or GPU, BackendUnavailable.
  Runner(Session& session, const Plan& plan, bool rgb, const LoadOptions& options);
  ~Runner() override;

  void run(const Request& request, Trace* trace) override;
  int halo_px() const override { return halo_px_; }
  int max_concurrent() const override { return options_.max_concurrent; }
  bool takes_gpu_memory() const override { return true; }
  std::shared_ptr<void> allocate(std::size_t bytes) const override;
  void estimate_foreground(const ForegroundTask<float>& task) override { estimate(task); }
  void estimate_foreground(const ForegroundTask<std::uint8_t>& task) override { estimate(task); }
  void estimate_foreground(const GpuForegroundTask& task) override { estimate(task); }
  std::string gpu_name() const override { return gpu_name_; }

 private:
  Window window_of(const Window& unknown, Size picture) const;
  void run_from_host(const Request& request, Slot& slot, Trace* trace);
  void run_on_gpu(const Request& request, Slot& slot, Trace* trace);
  Window find_unknown(const Request& request, Slot& slot);
  template <typename Task>
  void estimate(const Task& task) {
    const GpuScope scope(options_.gpu);
    std::call_once(made_estimator_, [&] { estimator_ = std::make_unique<ForegroundEstimator>(); });
    estimator_->run(task);
  }

  LoadOptions options_;
  std::string gpu_name_;
  Size min_size_;  // of the network's input
  int halo_px_ = 0, stride_ = 1;
  cuda::InputTransform transform_;
  Log& log_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;

  std::unique_ptr<Slots> slots_;

  std::once_flag made_estimator_;
  std::unique_ptr<ForegroundEstimator> estimator_;
};

}  // namespace dim::tensorrt
