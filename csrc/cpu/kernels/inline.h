#pragma once

/// Part of each kernel that uses it, for the kernel's instruction set and with its constants.
#define DIM_INLINE inline __attribute__((always_inline))
