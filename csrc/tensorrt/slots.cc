#include "tensorrt/slots.h"

#include <utility>

#include "base/error.h"

namespace dim::tensorrt {

Slots::Slots(nvinfer1::ICudaEngine& engine, Log& log, int most, bool cuda_graphs)
    : engine_(engine), log_(log), cuda_graphs_(cuda_graphs), most_(most), is_taken_(new bool[most]()) {
  free_.reserve(static_cast<std::size_t>(most));
}

std::unique_ptr<Slot> Slots::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    std::unique_ptr<Slot> slot = take_free();
    if (!slot) slot = make(lock);
    if (slot) return slot;
    returned_.wait(lock);
  }
}

std::unique_ptr<Slot> Slots::take_free() {
  if (free_.empty()) return nullptr;
  std::unique_ptr<Slot> slot = std::move(free_.back());
  free_.pop_back();
  return slot;
}

/// None where there may be no more, or is no memory for another: then one must come back.
std::unique_ptr<Slot> Slots::make(std::unique_lock<std::mutex>& lock) {
  if (made_ >= most_) return nullptr;
  ++made_;
  int number = 0;
  while (is_taken_[number]) ++number;
  is_taken_[number] = true;
  lock.unlock();
  try {
    return std::make_unique<Slot>(engine_, log_, cuda_graphs_, number);
  } catch (const Error&) {
    lock.lock();
    is_taken_[number] = false;
    if (--made_ == 0) throw;
    most_ = made_;
    return take_free();
  }
}

void Slots::give_back(std::unique_ptr<Slot> slot) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(slot));
  }
  returned_.notify_one();
}

void Slots::forget(int number) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_taken_[number] = false;
    --made_;
  }
  returned_.notify_one();
}

Slots::Lease::~Lease() {
  if (std::uncaught_exceptions() > exceptions_) {  // nobody knows what state it is in
    cudaStreamSynchronize(slot_->network.stream());
    const int number = slot_->number;
    slot_.reset();
    slots_.forget(number);
  } else {
    slots_.give_back(std::move(slot_));
  }
}

}  // namespace dim::tensorrt
