// The one place that knows every backend.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/plan.h"

namespace dim {

struct BackendOptions {
  int threads = 0;   // 0: every core this process may use
  bool rgb = false;  // channel order of the pictures
  // CPU: larger maps are computed in strips of this many bytes where that can be. Enough to keep the threads busy for
  // milliseconds: strips cost them a rendezvous each.
  std::size_t strip_bytes = std::size_t{64} << 20;

  // TensorRT
  int gpu = 0;
  bool crop = true;        // run only the window that the unknown pixels need
  int max_concurrent = 2;  // runs at a time; each has its own memory on the GPU
  bool cuda_graphs = true;
  std::vector<std::string> tensorrt_folders;  // where its libraries may be, besides the loader's path
};

/// The backend that `plan` was built for. Throws PlanError, BackendUnavailable.
std::unique_ptr<Backend> make_backend(const Plan& plan, const BackendOptions& options);

}  // namespace dim
