#include "base/cores.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace dim {
namespace {

int scheduled_cores() {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
  const unsigned cores_of_machine = std::thread::hardware_concurrency();
  return cores_of_machine > 0 ? static_cast<int>(cores_of_machine) : 1;
}

/// Cores that a cgroup's quota pays for; 0 where `folder` says nothing of one.
double quota_of(const std::string& folder) {
  double quota_us = 0, period_us = 0;
  if (std::ifstream both(folder + "/cpu.max"); both >> quota_us >> period_us)  // version 2; "max" is no number
    return period_us > 0 ? quota_us / period_us : 0;
  std::ifstream quota(folder + "/cpu.cfs_quota_us"), period(folder + "/cpu.cfs_period_us");
  return quota >> quota_us && period >> period_us && quota_us > 0 && period_us > 0 ? quota_us / period_us : 0;
}

}  // namespace

double cgroup_quota(const std::string& groups, const std::string& mounted) {
  double least = 0;
  const auto consider = [&least](double cores) {
    if (cores > 0 && (least == 0 || cores < least)) least = cores;
  };
  std::ifstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
    const std::string root = mounted + (controllers.empty() ? "" : "/" + controllers);
    for (std::string path = line.substr(second + 1); path.find('/') != std::string::npos; path.erase(path.rfind('/')))
      consider(quota_of(root + (path == "/" ? "" : path)));
  }
  // In a container its own group is most often the root that it sees.
  consider(quota_of(mounted));
  consider(quota_of(mounted + "/cpu"));
  return least;
}

int usable_cores() {
  const int cores = scheduled_cores();
  const double quota = cgroup_quota();
  return quota > 0 ? std::clamp(static_cast<int>(std::ceil(quota)), 1, cores) : cores;
}

int default_threads() {
  const char* asked = std::getenv("OMP_NUM_THREADS");
  const int threads = asked != nullptr ? std::atoi(asked) : 0;
  const int cores = std::min(usable_cores(), kThreadLimit);
  return threads > 0 ? std::min(threads, cores) : cores;
}

}  // namespace dim
