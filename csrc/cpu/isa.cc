#include "cpu/isa.h"

#include <cstdlib>

#if defined(DIM_ARM) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#ifdef DIM_AVX2_VNNI
#include <cpuid.h>
#endif

#include "base/error.h"

namespace dim::cpu {

// One per translation unit in kernels/, each compiled with its own flags.
namespace scalar {
extern const FloatKernels kFloatKernels;
extern const QuantizedKernels kQuantizedKernels;
}  // namespace scalar
namespace baseline {
extern const FloatKernels kFloatKernels;
extern const QuantizedKernels kQuantizedKernels;
}  // namespace baseline
#ifdef DIM_ARM
namespace dotprod {
extern const QuantizedKernels kQuantizedKernels;
}
#endif
#ifdef DIM_X86
namespace avx2 {
extern const FloatKernels kFloatKernels;
extern const QuantizedKernels kQuantizedKernels;
}  // namespace avx2
#ifdef DIM_AVX2_VNNI
namespace avx2_vnni {
extern const QuantizedKernels kQuantizedKernels;
}
#endif
namespace avx512 {
extern const FloatKernels kFloatKernels;
extern const QuantizedKernels kQuantizedKernels;
}  // namespace avx512
namespace avx512_vnni {
extern const QuantizedKernels kQuantizedKernels;
}
#endif

namespace {

enum class Isa { scalar, baseline, dotprod, avx2, avx2_vnni, avx512, avx512_vnni };  // slowest first

struct Named {
  Isa isa;
  const char* name;
};
constexpr Named kNames[] = {
    {Isa::scalar, "scalar"},       {Isa::baseline, "baseline"}, {Isa::dotprod, "dotprod"},        {Isa::avx2, "avx2"},
    {Isa::avx2_vnni, "avx2_vnni"}, {Isa::avx512, "avx512"},     {Isa::avx512_vnni, "avx512_vnni"}};

/// A table and what the processor needs for it: an element type's units need not be those of another.
template <typename Table>
struct Unit {
  Isa isa;
  const Table* table;
  bool (*runs_here)();
};

bool always() { return true; }
#ifdef DIM_ARM
bool has_dotprod() {
#ifdef __linux__
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}
#endif
#ifdef DIM_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#ifdef DIM_AVX2_VNNI
bool has_avx2_vnni() {  // whose name compilers learnt later than its instructions: Clang 12 to 15 have these alone
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}
#endif
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
constexpr Unit<QuantizedKernels> kQuantizedUnits[] = {
    {Isa::scalar, &scalar::kQuantizedKernels, always},
    {Isa::baseline, &baseline::kQuantizedKernels, always},
#ifdef DIM_ARM
    {Isa::dotprod, &dotprod::kQuantizedKernels, has_dotprod},
#endif
#ifdef DIM_X86
    {Isa::avx2, &avx2::kQuantizedKernels, has_avx2},
#ifdef DIM_AVX2_VNNI
    {Isa::avx2_vnni, &avx2_vnni::kQuantizedKernels, has_avx2_vnni},
#endif
    {Isa::avx512, &avx512::kQuantizedKernels, has_avx512},
    {Isa::avx512_vnni, &avx512_vnni::kQuantizedKernels, has_avx512_vnni},
#endif
};

template <typename Table, std::size_t kUnits>
const Table* widest(const Unit<Table> (&units)[kUnits], Isa most) {
  const Table* table = nullptr;
  for (const Unit<Table>& unit : units)
    if (unit.isa <= most && unit.runs_here()) table = unit.table;
  return table;
}

template <typename Table, std::size_t kUnits>
bool has_unit(const Unit<Table> (&units)[kUnits], Isa isa) {
  for (const Unit<Table>& unit : units)
    if (unit.isa == isa && unit.runs_here()) return true;
  return false;
}

/// An instruction set is there where a unit of any element type is.
bool is_available(Isa isa) { return has_unit(kFloatUnits, isa) || has_unit(kQuantizedUnits, isa); }

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
    if (isa == named.name) return {{widest(kFloatUnits, named.isa), widest(kQuantizedUnits, named.isa)}, isa};
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
