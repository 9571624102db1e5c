// What a backend must do. Arguments have been checked by Matting before they get here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/image.h"

namespace dim {

struct Request {
  ImageView image;
  TrimapView trimap;
  AlphaView alpha;  // every pixel is written

  /// The views point into the memory of the backend's GPU.
  bool on_gpu = false;
  /// With `on_gpu`: the CUDA stream that the pictures are made on, and whether to wait until alpha is there. Otherwise
  /// that stream waits for it.
  std::uintptr_t stream = 0;
  bool wait = true;
};

/// How long one step of a run took.
struct StepTime {
  std::string name;
  double ms = 0.0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Safe to call from several threads at once. Appends the time of each step when `times` is not null.
  virtual void run(const Request& request, std::vector<StepTime>* times) = 0;
  /// Whether requests may be `on_gpu`.
  virtual bool takes_gpu_memory() const { return false; }
  /// Memory of the backend's GPU; freed with the last owner.
  virtual std::shared_ptr<void> allocate(std::size_t /*bytes*/) const {
    throw InvalidInput("img: is not a numpy array");
  }
  virtual int threads() const = 0;
  /// Instruction set or GPU, for people.
  virtual std::string device() const = 0;
};

}  // namespace dim
