// The one place where the GIL is released.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <future>
#include <thread>
#include <utility>

namespace dim::bindings {

/// Whether this process was forked from the one that loaded this module.
bool is_forked();

/// Takes back what PyEval_SaveThread gave up. A daemon thread that wants it while the interpreter ends waits until the
/// process does.
void take_gil(PyThreadState* state);

/// Runs `work` without the GIL. It must not touch Python objects.
template <typename Work>
auto unlocked(Work work) {
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto result = task.get_future();
  // OpenMP's threads stay behind in the parent, and a thread that used them there would wait for them forever; a new
  // thread gets new ones.
  std::thread helper = is_forked() ? std::thread(std::ref(task)) : std::thread();
  PyThreadState* const state = PyEval_SaveThread();
  if (helper.joinable())
    helper.join();
  else
    task();
  take_gil(state);
  return result.get();
}

}  // namespace dim::bindings
