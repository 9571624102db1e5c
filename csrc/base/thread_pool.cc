#include "base/thread_pool.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/denormals.h"

#ifndef _WIN32
#include <unistd.h>
#endif

namespace dim {
namespace {

constexpr std::size_t kLoops = 16;               // at once; further callers work alone
constexpr std::chrono::microseconds kSpin{200};  // falling asleep and waking up take about 50
constexpr int kLooksPerClock = 32;

long process_id() {
#ifdef _WIN32
  return 0;  // no fork
#else
  return getpid();
#endif
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks until `ready()` or until spinning does not pay any more; says which.
template <typename Ready>
bool spin(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

class ThreadPool::Workers {
 public:
  explicit Workers(int count) : count_(count) {
    for (Place& place : places_) place.shares = std::vector<Share>(static_cast<std::size_t>(count) + 1);
  }
  ~Workers() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  long process() const { return process_; }

  void run(const Loop& loop) {
    std::call_once(started_, [this] { start(); });
    for (Place& place : places_) {
      if (place.taken.load(std::memory_order_relaxed) || place.taken.exchange(true)) continue;
      post(place, loop);
      take_jobs(place, 0);
      wait_for(place, loop.jobs);
      place.taken.store(false, std::memory_order_release);
      return;
    }
    for (int index = 0; index < loop.jobs; ++index) loop.call(loop.context, index, 0);
  }

 private:
  /// A thread's jobs [begin, end) that nobody has begun, as one number: who changes it in one step has a job, and the
  /// loop stays until that is done.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> range{0};

    void set(std::uint64_t begin, std::uint64_t end) { range.store(begin << 32 | end, std::memory_order_release); }
    /// The first job, for the thread itself, or the last one; -1 where there is none.
    int take(bool first) {
      std::uint64_t now = range.load(std::memory_order_acquire);
      for (;;) {
        const std::uint64_t begin = now >> 32, end = now & 0xffffffffu;
        if (begin >= end) return -1;
        const std::uint64_t left = first ? (begin + 1) << 32 | end : begin << 32 | (end - 1);
        if (range.compare_exchange_weak(now, left, std::memory_order_acq_rel, std::memory_order_acquire))
          return static_cast<int>(first ? begin : end - 1);
      }
    }
  };

  /// Where a loop is posted. Places outlive the loops in them, so a late worker may look at one at any time.
  struct alignas(64) Place {
    std::vector<Share> shares;  // by thread
    std::atomic<int> done{0};
    std::atomic<bool> caller_sleeps{false};
    std::atomic<bool> taken{false};
    Loop loop;  // read by those alone who have taken a job

    /// A job for a thread; -1 where all are taken.
    int take(std::size_t thread) {
      int job = shares[thread].take(true);
      for (std::size_t i = 1; job < 0 && i < shares.size(); ++i) job = shares[(thread + i) % shares.size()].take(false);
      return job;
    }
  };

  void start() {
    try {
      for (int i = 0; i < count_; ++i) threads_.emplace_back([this, i] { work(i + 1); });
    } catch (const std::exception&) {
      // As many as there are; no thread, or no memory for one. It is not tried again: indices must not come twice.
    }
  }

  void post(Place& place, const Loop& loop) {
    place.loop = loop;
    place.done.store(0, std::memory_order_relaxed);
    const auto jobs = static_cast<std::uint64_t>(loop.jobs), count = static_cast<std::uint64_t>(place.shares.size());
    for (std::uint64_t i = 0, begin = 0; i < count; ++i) {
      const std::uint64_t end = (jobs * (i + 1) + count - 1) / count;
      place.shares[i].set(begin, end);
      begin = end;
    }
    posted_.fetch_add(1);
    if (sleepers_.load() == 0) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (loop.jobs <= count_)
      for (int i = 1; i < loop.jobs; ++i) work_.notify_one();
    else
      work_.notify_all();
  }

  /// Whether there was any.
  bool take_jobs(Place& place, int thread) {
    bool any = false;
    for (int index; (index = place.take(static_cast<std::size_t>(thread))) >= 0;) {
      const Loop loop = place.loop;
      loop.call(loop.context, index, thread);
      any = true;
      if (place.done.fetch_add(1) + 1 == loop.jobs && place.caller_sleeps.load()) {
        const std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_all();
      }
    }
    return any;
  }

  void wait_for(Place& place, int jobs) {
    const auto all_done = [&] { return place.done.load() == jobs; };
    if (spin(all_done)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    place.caller_sleeps.store(true);
    done_.wait(lock, all_done);
    place.caller_sleeps.store(false);
  }

  void work(int thread) {
    const FlushDenormals flush;
    for (;;) {
      const std::uint64_t seen = posted_.load();
      bool any = false;
      for (Place& place : places_)
        if (place.taken.load()) any = take_jobs(place, thread) || any;
      if (any) continue;
      const auto more = [&] { return posted_.load() != seen || stop_.load(); };
      if (!spin(more)) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleepers_.fetch_add(1);
        work_.wait(lock, more);
        sleepers_.fetch_sub(1);
      }
      if (stop_.load()) return;
    }
  }

  const int count_;
  const long process_ = process_id();
  std::once_flag started_;
  std::vector<std::thread> threads_;
  std::array<Place, kLoops> places_;
  std::atomic<std::uint64_t> posted_{0};  // loops so far
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable work_, done_;
};

ThreadPool::~ThreadPool() {
  Workers* workers = workers_.load();
  // After a fork the parent's threads cannot be joined; what is left of them is a little memory.
  if (workers != nullptr && workers->process() == process_id()) delete workers;
}

ThreadPool::Workers* ThreadPool::workers() {
  Workers* current = workers_.load(std::memory_order_acquire);
  if (current != nullptr && current->process() == process_id()) return current;
  auto mine = std::make_unique<Workers>(threads_ - 1);
  return workers_.compare_exchange_strong(current, mine.get()) ? mine.release() : current;
}

void ThreadPool::run_loop(const Loop& loop) {
  if (threads_ > 1 && loop.jobs > 1) return workers()->run(loop);
  for (int index = 0; index < loop.jobs; ++index) loop.call(loop.context, index, 0);
}

}  // namespace dim
