// The one place where the GIL is released.
#pragma once

#include <pybind11/pybind11.h>

namespace dim::bindings {

/// While it lives, its thread runs without the GIL. A daemon thread that wants the GIL back while the interpreter ends
/// waits until the process does.
class Unlock {
 public:
  Unlock() : state_(PyEval_SaveThread()) {}
  ~Unlock();
  Unlock(const Unlock&) = delete;
  Unlock& operator=(const Unlock&) = delete;

 private:
  PyThreadState* state_;
};

/// Runs `work` without the GIL. It must not touch Python objects.
template <typename Work>
auto unlocked(Work work) {
  const Unlock unlock;
  return work();
}

}  // namespace dim::bindings
