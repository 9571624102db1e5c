#include "cpu/layers/packing.h"

#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace dim::cpu {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kPageBytes = std::size_t{2} << 20;  // a huge page
constexpr std::size_t kHugeBytes = 4 * kPageBytes;        // from here on

}  // namespace

/// FloatKernels walk rows that are many small pages apart: with huge pages the processor finds them faster.
std::unique_ptr<void, FreeAligned> allocate_aligned(std::size_t count) {
  const bool huge = count >= kHugeBytes;
  const std::size_t align = huge ? kPageBytes : kLineBytes;
  const std::size_t bytes = (count + kLineBytes) / kLineBytes * kLineBytes;
  void* memory = nullptr;
  if (posix_memalign(&memory, align, bytes) != 0) throw std::bad_alloc();
#ifdef __linux__
  if (huge) madvise(memory, bytes / kPageBytes * kPageBytes, MADV_HUGEPAGE);  // a wish: it may fail
#endif
  std::memset(memory, 0, bytes);
  return std::unique_ptr<void, FreeAligned>(memory);
}

void FreeAligned::operator()(void* memory) const { std::free(memory); }

}  // namespace dim::cpu
