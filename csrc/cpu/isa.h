// The instruction sets that this processor has.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"

namespace dim::cpu {

/// Kernel sets that are compiled in and that this processor can run, slowest first: scalar, baseline, avx2, avx512.
std::vector<const Kernels*> available_kernels();

/// The set named `name`; BackendUnavailable when it cannot be used here.
const Kernels& kernels_named(const std::string& name);

/// The set to use: DIM_TRT_ISA when set (BackendUnavailable when it cannot be honoured), else the fastest.
const Kernels& default_kernels();

}  // namespace dim::cpu
