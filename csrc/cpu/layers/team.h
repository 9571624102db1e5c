// What a layer runs on: threads and memory for each of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "cpu/layers/packing.h"

namespace dim::cpu {

/// One buffer per thread, kept from layer to layer: zeroing new ones would take longer than some layers.
class ThreadScratch {
 public:
  /// Before the threads start: they must not allocate.
  void reserve(int threads, std::size_t bytes) {
    if (buffers_.size() < static_cast<std::size_t>(threads)) buffers_.resize(static_cast<std::size_t>(threads));
    for (AlignedBytes& buffer : buffers_)
      if (buffer.size() < bytes) buffer = AlignedBytes(bytes);
  }
  std::byte* of(int thread) { return buffers_[static_cast<std::size_t>(thread)].data(); }

 private:
  std::vector<AlignedBytes> buffers_;
};

/// All threads of a pool, or one of them alone, during one run.
class Team {
 public:
  static constexpr int kAll = -1;

  /// `only`: the thread that is alone, as the pool numbers them; 0 is the caller. One that runs a job of the pool's
  /// needs memory that was reserved before.
  Team(ThreadPool& pool, ThreadScratch& scratch, int only = kAll) : pool_(&pool), scratch_(&scratch), only_(only) {}

  int threads() const { return only_ == kAll ? pool_->threads() : 1; }

  /// ThreadPool::run with `bytes` of memory for each thread, not zeroed: `job(index, memory)`.
  template <typename Job>
  void run(int jobs, std::size_t bytes, Job&& job) const {
    scratch_->reserve(only_ == kAll ? threads() : only_ + 1, bytes);
    const auto with_memory = [&](int index, int thread) { job(index, scratch_->of(thread)); };
    if (only_ == kAll) return pool_->run(jobs, with_memory);
    for (int index = 0; index < jobs; ++index) with_memory(index, only_);
  }
  /// `job(row)` for every row, some neighbours at a time.
  template <typename Job>
  void run_rows(int rows, Job&& job) const {
    constexpr int kRows = 8;
    run((rows + kRows - 1) / kRows, 0, [&](int index, std::byte*) {
      for (int y = index * kRows; y < std::min(rows, (index + 1) * kRows); ++y) job(y);
    });
  }

 private:
  ThreadPool* pool_;
  ThreadScratch* scratch_;
  int only_;
};

}  // namespace dim::cpu
