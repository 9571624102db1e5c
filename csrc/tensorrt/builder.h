// ONNX with its precisions in it -> a serialized TensorRT engine.
#pragma once

#include "tensorrt/module.h"
#include "tensorrt/session.h"

namespace dim::tensorrt {

/// Throws BuildError, BackendUnavailable.
BuildResult build(Session& session, const BuildRequest& request);

}  // namespace dim::tensorrt
