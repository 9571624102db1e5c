// How much of the machine this process may use.
#pragma once

namespace dim {

/// OMP_NUM_THREADS when set, else the cores this process may run on.
int default_threads();

}  // namespace dim
