#include "base/cores.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <cstdlib>
#include <thread>

namespace dim {
namespace {

int usable_cores() {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
  const unsigned cores_of_machine = std::thread::hardware_concurrency();
  return cores_of_machine > 0 ? static_cast<int>(cores_of_machine) : 1;
}

}  // namespace

int default_threads() {
  const char* asked = std::getenv("OMP_NUM_THREADS");
  const int threads = asked != nullptr ? std::atoi(asked) : 0;
  return threads > 0 ? threads : usable_cores();
}

}  // namespace dim
