// What runs that go on at the same time need, each for itself: as many as are wanted, made when they are first needed.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "tensorrt/memory.h"
#include "tensorrt/network.h"

namespace dim::tensorrt {

/// Of one run at a time.
struct Slot {
  Slot(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs, int number_)
      : number(number_), network(engine, log, cuda_graphs, kMajor < 10 ? number_ : 0) {}

  const int number;  // from 0 up; no two have the same at a time
  Network network;
  GpuBuffer picture, alpha, box;          // picture: the image, then the guide, then what is known
  PinnedBuffer host_picture, host_alpha;  // alpha or a box
  Event ready;
};

class Slots {
 public:
  /// `engine` and `log` must live longer.
  Slots(nvinfer1::ICudaEngine& engine, Log& log, int most, bool cuda_graphs);

  /// A slot for as long as a run lasts; waits for one where all are in use.
  class Lease {
   public:
    explicit Lease(Slots& slots) : slots_(slots), slot_(slots.take()) {}
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Slot& slot() { return *slot_; }

   private:
    Slots& slots_;
    std::unique_ptr<Slot> slot_;
    const int exceptions_ = std::uncaught_exceptions();
  };

 private:
  std::unique_ptr<Slot> take();
  std::unique_ptr<Slot> take_free();
  std::unique_ptr<Slot> make(std::unique_lock<std::mutex>& lock);
  void give_back(std::unique_ptr<Slot> slot);
  void forget(int number);  // of a slot that is gone

  nvinfer1::ICudaEngine& engine_;
  Log& log_;
  bool cuda_graphs_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Slot>> free_;
  int made_ = 0, most_;
  std::unique_ptr<bool[]> is_taken_;  // by number of a slot
};

}  // namespace dim::tensorrt
