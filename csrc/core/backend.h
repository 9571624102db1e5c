// What a backend must do: run a network on maps. What they mean is known above it, to a task such as Matting, which has
// checked them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "core/foreground.h"
#include "core/image.h"
#include "core/window.h"

namespace dim {

/// What a network is fed for a picture.
struct Inputs {
  ImageView image;
  ByteView guide;  // of the image's size; empty where the network takes none, or Pixels::kInputs hold it
};

/// What is asked of a network's output.
struct Wanted {
  Window window;   // the part of the picture that is written, every pixel of it; the rest is there to be looked at
  ByteView known;  // of the image's size: what the output is without the network; empty: nothing
};

/// Where a channel of a network's output goes, all of the picture's size.
struct Output {
  MapView map;
  bool clamp = true;  // unknown pixels to 0..1; otherwise they are what the network says
};

/// Where a run's arrays are.
struct Place {
  /// The views point into the memory of the backend's GPU.
  bool on_gpu = false;
  /// With `on_gpu`: the CUDA stream that the pictures are made on, and whether to wait until the output is there.
  /// Otherwise that stream waits for it.
  std::uintptr_t stream = 0;
  bool wait = true;
};

struct Request {
  Inputs inputs;
  Wanted wanted;
  Output output;
  Place place;
};

/// A picture and its matte in the memory of the backend's GPU, and where the colors go there: [height][width][3]
/// without gaps. `stream` and `wait` are those of Place.
struct GpuForegroundTask {
  ImageView image;
  MapView alpha;  // is read
  std::uint8_t* foreground = nullptr;
  std::uint8_t* background = nullptr;
  std::uintptr_t stream = 0;
  bool wait = true;
};

/// How long one step of a run took.
struct StepTime {
  std::string name;
  double ms = 0.0;
};

/// Where each maximum of a 2x2 pooling lies.
struct ArgmaxCodes {
  static constexpr std::uint8_t kNotComputed = 255;  // no unknown pixel depends on it

  int channels = 0;
  Size size;
  std::vector<std::uint8_t> codes;  // [channels][height][width], 2 * row + column in the window
};

/// What may be looked at beside alpha.
struct Trace {
  std::vector<StepTime> times;
  bool keep_argmax = false;         // whether to fill `argmax`
  std::vector<ArgmaxCodes> argmax;  // of each pooling, in the order they run

  /// A step that runs several times, as in tiles or orientations, is one entry.
  void add(const std::string& step, double ms) {
    for (StepTime& time : times)
      if (time.name == step) {
        time.ms += ms;
        return;
      }
    times.push_back({step, ms});
  }
};

/// What a layer computes in: "int8" or "fp32".
struct LayerPrecision {
  std::string name, precision;
};

class Backend {
 public:
  /// `threads`: of the CPU, which share all that the engine does there.
  explicit Backend(int threads) : pool_(threads) {}
  virtual ~Backend() = default;

  /// Safe to call from several threads at once. Appends to `trace` when it is not null.
  virtual void run(const Request& request, Trace* trace) = 0;
  /// How far from an unknown pixel the network looks: see network_window.
  virtual int halo_px() const = 0;
  /// Memory that a run on a picture of this size takes beside the plan and the caller's arrays; 0 where the backend
  /// does not count it.
  virtual std::size_t working_bytes(Size /*picture*/) const { return 0; }
  /// How many runs at a time are quickest; more wait, or share what one alone would use.
  virtual int max_concurrent() const { return 1; }
  /// Whether requests may be `on_gpu`.
  virtual bool takes_gpu_memory() const { return false; }
  /// Memory of the backend's GPU; freed with the last owner.
  virtual std::shared_ptr<void> allocate(std::size_t /*bytes*/) const {
    throw InvalidInput("img: is not a numpy array");
  }
  /// The colors under a matte, where the backend runs: see core/foreground.h. The base class has the CPU's way.
  virtual void estimate_foreground(const ForegroundTask<float>& task) { estimate_on_cpu(task); }
  virtual void estimate_foreground(const ForegroundTask<std::uint8_t>& task) { estimate_on_cpu(task); }
  virtual void estimate_foreground(const GpuForegroundTask& /*task*/) {
    throw InvalidInput("img: is in the memory of a GPU, and this plan runs on the CPU; pass a numpy array");
  }
  int threads() const { return pool_.threads(); }
  ThreadPool& pool() const { return pool_; }
  /// The instruction set that computes; empty on a GPU.
  virtual std::string isa() const { return {}; }
  /// The convolutions, in the order they run; none where the backend cannot say.
  virtual std::vector<LayerPrecision> layers() const { return {}; }
  /// The GPU that computes; empty on the CPU.
  virtual std::string gpu_name() const { return {}; }

 private:
  template <typename T>
  void estimate_on_cpu(const ForegroundTask<T>& task) const {
    dim::estimate_foreground(task, ForegroundOptions{}, pool_);
  }

  mutable ThreadPool pool_;  // starts no thread before there is work for two
};

}  // namespace dim
