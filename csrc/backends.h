// The one place that knows every backend.
#pragma once

#include <memory>
#include <string>

#include "core/backend.h"
#include "core/matting.h"
#include "core/plan.h"
#include "core/segmentation.h"
#include "cpu/options.h"
#include "tensorrt/module.h"

namespace dim {

/// How a plan is loaded. Of the backends' own options those of the plan's count.
struct EngineOptions {
  std::string backend;   // the only one that will do; empty: the plan's
  bool rgb = false;      // channel order of the pictures; otherwise BGR
  int orientations = 1;  // see MattingOptions
  bool closed_form = false;
  Limits limits;
  cpu::Options cpu;
  tensorrt::LoadOptions tensorrt;
};

/// The backend that `plan` was built for. Throws PlanError, BackendUnavailable, InvalidInput.
std::unique_ptr<Backend> make_backend(const Plan& plan, const EngineOptions& options);

/// Reads the plan and loads it. Throws the same.
std::unique_ptr<Matting> load_matting(const std::string& path, const EngineOptions& options);
/// The same for segmentation, which runs pictures as they come: without limits and in one orientation.
std::unique_ptr<Segmentation> load_segmentation(const std::string& path, const EngineOptions& options);

}  // namespace dim
