// How much of the machine this process may use.
#pragma once

#include <string>

namespace dim {

/// The most threads that an engine takes.
constexpr int kThreadLimit = 1024;

/// The cores that CPU quotas pay for, the least of the process's cgroup and those above it; 0 where there is none.
/// `groups` lists the process's cgroups as /proc does, `mounted` is where they are.
double cgroup_quota(const std::string& groups = "/proc/self/cgroup", const std::string& mounted = "/sys/fs/cgroup");

/// The cores this process may run on, or the smaller share of them that its cgroup's quota is; at least 1.
int usable_cores();

/// OMP_NUM_THREADS where it is set and no more than `usable_cores`, else these.
int default_threads();

}  // namespace dim
