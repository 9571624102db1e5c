// Which thread of a pool does which jobs.
#include <pybind11/stl.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/thread_pool.h"
#include "testing/register.h"

namespace py = pybind11;
using namespace py::literals;

namespace dim::testing {
namespace {

/// For each job the threads that did it, when job i takes milliseconds[i].
std::vector<std::vector<int>> loop_threads(const std::vector<int>& milliseconds, int threads) {
  ThreadPool pool(threads);
  std::vector<std::vector<int>> out(milliseconds.size());
  const py::gil_scoped_release release;
  pool.run(static_cast<int>(out.size()), [&](int job, int thread) {
    const auto at = static_cast<std::size_t>(job);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds[at]));
    out[at].push_back(thread);
  });
  return out;
}

}  // namespace

void register_loops(py::module_& m) {
  m.def("loop_threads", &loop_threads, "milliseconds"_a, py::kw_only(), "threads"_a,
        "For each job of a loop the threads that did it; job i sleeps for milliseconds[i].");
}

}  // namespace dim::testing
