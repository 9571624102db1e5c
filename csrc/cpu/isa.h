// The instruction sets that this processor has, and the kernels that they compute with.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"

namespace dim::cpu {

/// For each element type the table of the widest unit that is compiled in, that this processor can run, and that is no
/// wider than the instruction set.
struct Kernels : KernelTables {
  std::string isa;
};

/// Instruction sets that are compiled in and that this processor has, slowest first: scalar, baseline, then on
/// ARM dotprod, on x86 avx2, avx2_vnni, avx512 and avx512_vnni.
std::vector<std::string> available_isas();

/// Those of the set named `isa`; BackendUnavailable when it cannot be used here.
Kernels kernels_named(const std::string& isa);

/// The set to use: DIM_TRT_ISA when set (BackendUnavailable when it cannot be honoured), else the fastest.
Kernels default_kernels();

}  // namespace dim::cpu
