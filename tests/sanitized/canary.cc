// Bugs on purpose, one for each sanitizer. Who does not report them here sees nothing of the rest of _core either.
#include <atomic>
#include <mutex>

#define EXPORT extern "C" __attribute__((visibility("default")))

/// From two threads, which wait for each other and still do not synchronize. In a callback of the C library: settings
/// that ignore what is not instrumented hide what is called from there.
EXPORT void race() {
  static std::atomic<int> here{0};
  static int value = 0;
  here.fetch_add(1, std::memory_order_relaxed);
  while (here.load(std::memory_order_relaxed) < 2) continue;
  for (int i = 0; i < 1000; ++i) {  // one access by both at the very same time may be missed
    std::once_flag once;
    std::call_once(once, [] { ++value; });
  }
}

/// Of four values, the fifth.
EXPORT int out_of_bounds(int index) {
  int* const four = new int[4]();
  const int value = four[index];
  delete[] four;
  return value;
}

/// Of an int with 2^31 - 1.
EXPORT int undefined(int value) { return value + 1; }
