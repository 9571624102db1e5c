// How much of the machine this process may use.
#pragma once

namespace dim {

/// The most threads that an engine takes.
constexpr int kThreadLimit = 1024;

/// The cores this process may run on, or the smaller share of them that its cgroup's quota is; at least 1.
int usable_cores();

/// OMP_NUM_THREADS where it is set and no more than `usable_cores`, else these.
int default_threads();

}  // namespace dim
