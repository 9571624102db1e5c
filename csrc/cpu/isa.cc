#include "cpu/isa.h"

#include <cstdlib>

#include "base/error.h"

namespace dim::cpu {

// One per translation unit in kernels/, each compiled with its own flags.
namespace scalar {
extern const Kernels kKernels;
}
namespace baseline {
extern const Kernels kKernels;
}
#ifdef DIM_X86
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> sets = {&scalar::kKernels, &baseline::kKernels};
#ifdef DIM_X86
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(&avx2::kKernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
      sets.push_back(&avx512::kKernels);
  }
#endif
  return sets;
}

const Kernels& kernels_named(const std::string& name) {
  std::string known;
  for (const Kernels* set : available_kernels()) {
    if (name == set->name) return *set;
    known += (known.empty() ? "" : ", ") + std::string(set->name);
  }
  throw BackendUnavailable("instruction set '" + name + "' (DIM_TRT_ISA): expected one that this processor has (" +
                           known + ")");
}

const Kernels& default_kernels() {
  const char* name = std::getenv("DIM_TRT_ISA");
  return name != nullptr && *name != '\0' ? kernels_named(name) : *available_kernels().back();
}

}  // namespace dim::cpu
