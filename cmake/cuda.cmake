# The CUDA kernels. Targets: dim_cuda (static library) and dim_cuda_check (compares every kernel with its host twin on a
# GPU; built along, not installed).
set(DIM_TRT_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO for where nvcc is found")
set_property(CACHE DIM_TRT_CUDA PROPERTY STRINGS AUTO ON OFF)

if(NOT DIM_TRT_CUDA)
  message(STATUS "CUDA kernels: left out, DIM_TRT_CUDA=${DIM_TRT_CUDA}")
  return()
endif()

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(NOT DIM_TRT_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "DIM_TRT_CUDA=${DIM_TRT_CUDA}, but no working nvcc was found: install the CUDA toolkit, put its "
      "nvcc on PATH or name it in the environment variable CUDACXX, and remove the folder build/")
  endif()
  message(STATUS "CUDA kernels: left out, no working nvcc was found (looked at CUDACXX and PATH)")
  return()
endif()

# One cubin per generation of processors, which also runs on the later ones of that generation (Jetson: 72 and 87), and
# code that the driver compiles for newer generations.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  if(CMAKE_VERSION VERSION_LESS 3.23)
    set(CMAKE_CUDA_ARCHITECTURES 80)
  else()
    set(CMAKE_CUDA_ARCHITECTURES all-major)
  endif()
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
find_package(CUDAToolkit REQUIRED)

add_library(dim_cuda STATIC
  csrc/cuda/argmax_pool.cu
  csrc/cuda/foreground.cu
  csrc/cuda/index_unpool.cu
  csrc/cuda/postprocess.cu
  csrc/cuda/preprocess.cu
  csrc/cuda/unknown_box.cu)
set_source_files_properties(csrc/cuda/foreground.cu PROPERTIES COMPILE_OPTIONS -fmad=false)  # to the bit as on the host
target_include_directories(dim_cuda PUBLIC csrc)
target_link_libraries(dim_cuda PUBLIC CUDA::cudart_static)
set_target_properties(dim_cuda PROPERTIES CUDA_VISIBILITY_PRESET hidden)
target_compile_options(dim_cuda PRIVATE
  -Xcompiler=-Wall,-Wextra -Wno-deprecated-gpu-targets
  "$<$<BOOL:${DIM_TRT_WERROR}>:SHELL:-Xcompiler=-Werror -Werror all-warnings>")

add_executable(dim_cuda_check
  csrc/cuda/check.cc
  csrc/cuda/check_foreground.cc
  csrc/cuda/check_maps.cc
  csrc/cuda/check_pictures.cc
  csrc/cuda/check_time.cc)
target_link_libraries(dim_cuda_check PRIVATE dim_cuda)
target_compile_options(dim_cuda_check PRIVATE -Wall -Wextra $<$<BOOL:${DIM_TRT_WERROR}>:-Werror>)

message(STATUS "CUDA kernels: built with nvcc ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}; "
  "dim_cuda_check compares them with the host")
