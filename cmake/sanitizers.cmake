# Builds that look for bugs, all with clang: `python -m tests.sanitizers` and `python -m tests.fuzz` make them.
#   address   _core and _testing with AddressSanitizer and UndefinedBehaviorSanitizer
#   thread    _core and _testing with ThreadSanitizer
#   fuzz      the fuzz targets of tests/fuzz with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer; no Python
#   coverage  the fuzz targets without sanitizers, counting branches; no Python
set(DIM_TRT_SANITIZE "" CACHE STRING "address, thread, fuzz or coverage; empty for a normal build")

if(NOT DIM_TRT_SANITIZE)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "DIM_TRT_SANITIZE: expected clang, got ${CMAKE_CXX_COMPILER_ID}; -DCMAKE_CXX_COMPILER=clang++")
endif()

set(DIM_TRT_TESTING ON)

# Float division by zero is defined by IEEE 754; sigmoid of large numbers relies on it.
set(undefined -fsanitize=undefined -fno-sanitize=float-divide-by-zero -fno-sanitize-recover=all)
if(DIM_TRT_SANITIZE STREQUAL "address")
  set(sanitize -fsanitize=address ${undefined})
elseif(DIM_TRT_SANITIZE STREQUAL "thread")
  set(sanitize -fsanitize=thread)
elseif(DIM_TRT_SANITIZE STREQUAL "fuzz")
  set(sanitize -fsanitize=fuzzer-no-link,address ${undefined})
elseif(DIM_TRT_SANITIZE STREQUAL "coverage")
  set(sanitize -fprofile-instr-generate -fcoverage-mapping)
else()
  message(FATAL_ERROR "DIM_TRT_SANITIZE: expected address, thread, fuzz or coverage, got '${DIM_TRT_SANITIZE}'")
endif()
add_compile_options(-O1 -Wno-pass-failed -gline-tables-only -fno-omit-frame-pointer ${sanitize})  # -O1 vectorizes nothing
add_link_options(${sanitize})
if(DIM_TRT_SANITIZE MATCHES "address|thread")
  add_link_options(-shared-libsan)  # Python itself is not instrumented, so the runtime is preloaded
endif()

# After dim_core is there.
function(dim_add_fuzz_targets)
  foreach(name json plan program run)
    add_executable(fuzz_${name} tests/fuzz/${name}.cc)
    target_link_libraries(fuzz_${name} PRIVATE dim_core)
    target_compile_options(fuzz_${name} PRIVATE -Wall -Wextra)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
  set(golden "${PROJECT_SOURCE_DIR}/tests/golden/v2")
  foreach(plan int8 computes_int8)
    if(NOT EXISTS "${golden}/${plan}.plan")
      message(FATAL_ERROR "${golden}/${plan}.plan: is not there; name golden plans of the format that is read now")
    endif()
  endforeach()
  target_compile_definitions(fuzz_run PRIVATE DIM_FUZZ_GOLDEN="${golden}/")
endfunction()
