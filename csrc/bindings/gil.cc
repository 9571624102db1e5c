#include "bindings/gil.h"

#include <cxxabi.h>
#include <unistd.h>

namespace dim::bindings {

Unlock::~Unlock() {
  try {
    PyEval_RestoreThread(state_);
  } catch (abi::__forced_unwind&) {
    // Before Python 3.14 the interpreter ends such a thread with pthread_exit, which unwinds it: through destructors
    // that would touch Python's objects, and through functions that must not be unwound, which ends the process.
    for (;;) pause();
  }
}

}  // namespace dim::bindings
