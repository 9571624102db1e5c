// The threads of an engine: they share out the jobs of one loop after another.
//
// Each thread has a share of a loop's jobs, neighbours of each other, so loops over the same picture find in its caches
// what the loop before left there. But nobody waits for a thread that has not begun a job: whoever is done with his own
// takes others' last ones. So a thread that the system has put aside delays a loop by its own job at most, and on a
// busy machine a loop costs what its jobs cost. Threads that find nothing to do spin for some microseconds, as the next
// loop is usually near, then sleep.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace dim {

class ThreadPool {
 public:
  /// `threads` - 1 workers, started when they are first needed. Where the system refuses some, the others do the work.
  explicit ThreadPool(int threads) : threads_(threads) {}
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls `job(index, thread)` once for every index from 0 to `jobs` - 1 and returns when all have returned. `thread`
  /// is in [0, threads) and differs between calls that run at the same time within this loop; 0 is the caller. Several
  /// threads may run loops at once, which then share the workers. `job` must not throw, nor run a loop of its own.
  template <typename Job>
  void run(int jobs, Job&& job) {
    using Plain = std::remove_reference_t<Job>;
    run_loop({jobs, &job, [](const void* context, int index, int thread) {
                (*static_cast<Plain*>(const_cast<void*>(context)))(index, thread);
              }});
  }

 private:
  struct Loop {
    int jobs = 0;
    const void* context = nullptr;
    void (*call)(const void* context, int index, int thread) = nullptr;
  };
  class Workers;
  void run_loop(const Loop& loop);
  Workers* workers();

  int threads_;
  // Only of the process that made them: after a fork the child makes its own, as threads are not inherited.
  std::atomic<Workers*> workers_{nullptr};
};

}  // namespace dim
