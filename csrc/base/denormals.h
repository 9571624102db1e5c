// Numbers too small for a normal float count as zero while the network runs: on many processors each takes a hundred
// times as long as another, and no alpha depends on 1e-38.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace dim {

/// For the calling thread, as long as it lives; then everything is as it was before.
class FlushDenormals {
 public:
  FlushDenormals() : before_(get()) { set(before_ | kFlags); }
  ~FlushDenormals() { set(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  using Word = std::uint32_t;
  static constexpr Word kFlags = 0x8040;  // results (FTZ) and operands (DAZ) of MXCSR
  static Word get() { return _mm_getcsr(); }
  static void set(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  static constexpr Word kFlags = Word{1} << 24;  // FZ of FPCR: both
  static Word get() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void set(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = std::uint32_t;
  static constexpr Word kFlags = 0;
  static Word get() { return 0; }
  static void set(Word /*word*/) {}
#endif

  Word before_;
};

}  // namespace dim
