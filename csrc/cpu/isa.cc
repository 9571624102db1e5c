#include "cpu/isa.h"

#include <cstdlib>

#include "base/error.h"

namespace dim::cpu {

// One per translation unit in kernels/, each compiled with its own flags.
namespace scalar {
extern const FloatKernels kFloatKernels;
}
namespace baseline {
extern const FloatKernels kFloatKernels;
}
#ifdef DIM_X86
namespace avx2 {
extern const FloatKernels kFloatKernels;
}
namespace avx512 {
extern const FloatKernels kFloatKernels;
}
#endif

namespace {

enum class Isa { scalar, baseline, avx2, avx512 };  // each has what those before it have

struct Named {
  Isa isa;
  const char* name;
};
constexpr Named kNames[] = {
    {Isa::scalar, "scalar"}, {Isa::baseline, "baseline"}, {Isa::avx2, "avx2"}, {Isa::avx512, "avx512"}};

/// A table and what the processor needs for it: an element type's units need not be those of another.
template <typename Table>
struct Unit {
  Isa isa;
  const Table* table;
  bool (*runs_here)();
};

bool always() { return true; }
#ifdef DIM_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

/// Slowest first.
constexpr Unit<FloatKernels> kFloatUnits[] = {
    {Isa::scalar, &scalar::kFloatKernels, always},
    {Isa::baseline, &baseline::kFloatKernels, always},
#ifdef DIM_X86
    {Isa::avx2, &avx2::kFloatKernels, has_avx2},
    {Isa::avx512, &avx512::kFloatKernels, has_avx512},
#endif
};

template <typename Table, std::size_t kUnits>
const Table* widest(const Unit<Table> (&units)[kUnits], Isa most) {
  const Table* table = nullptr;
  for (const Unit<Table>& unit : units)
    if (unit.isa <= most && unit.runs_here()) table = unit.table;
  return table;
}

/// An instruction set is there where a unit of any element type is.
bool is_available(Isa isa) {
  for (const Unit<FloatKernels>& unit : kFloatUnits)
    if (unit.isa == isa && unit.runs_here()) return true;
  return false;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Named& named : kNames)
    if (is_available(named.isa)) names.emplace_back(named.name);
  return names;
}

Kernels kernels_named(const std::string& isa) {
  std::string known;
  for (const Named& named : kNames) {
    if (!is_available(named.isa)) continue;
    if (isa == named.name) return {isa, widest(kFloatUnits, named.isa)};
    known += (known.empty() ? "" : ", ") + std::string(named.name);
  }
  throw BackendUnavailable("instruction set '" + isa + "' (DIM_TRT_ISA): expected one that this processor has (" +
                           known + ")");
}

Kernels default_kernels() {
  const char* name = std::getenv("DIM_TRT_ISA");
  return kernels_named(name != nullptr && *name != '\0' ? name : available_isas().back());
}

}  // namespace dim::cpu
