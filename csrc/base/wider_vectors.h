// For loops outside the kernels of a backend: the compiler makes a second copy of a function for AVX2, which the
// processor chooses when the library is loaded. Without FMA, so both copies give the same bits.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define DIM_WIDER_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define DIM_WIDER_VECTORS
#endif
