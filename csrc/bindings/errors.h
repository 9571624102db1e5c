// The errors of C++ as the classes of dim_trt.errors.
#pragma once

namespace dim::bindings {

/// For the functions of the module that calls it: each module has its own copy of the C++ classes.
void register_errors();

}  // namespace dim::bindings
