// The errors a caller can meet. The Python bindings map each to the class of the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace dim {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The caller's arrays or options are wrong.
struct InvalidInput : Error {
  using Error::Error;
};

/// The plan file is missing, damaged, from another version or for another machine.
struct PlanError : Error {
  using Error::Error;
};

/// The asked-for backend, device or instruction set cannot be used here.
struct BackendUnavailable : Error {
  using Error::Error;
};

/// A network cannot be turned into a plan.
struct BuildError : Error {
  using Error::Error;
};

}  // namespace dim
