# The TensorRT backend: for each major version whose headers are found a module (libdim_trt_tensorrt.<major>.so) and a
# plugin library (libdim_trt_plugins.<major>.so). Both open TensorRT at run time; only its headers are needed here.
set(TENSORRT_ROOT "" CACHE STRING
  "Folders with TensorRT's include/NvInfer.h and NvOnnxParser.h, one a major version, separated by ; or :  Empty: $TENSORRT_ROOT")
set(DIM_TRT_FETCH_TENSORRT "" CACHE STRING
  "Tags of github.com/NVIDIA/TensorRT whose headers to fetch, for example v11.1;v10.16; needs a network")

set(tensorrt_versions "")
if(NOT TARGET dim_cuda)
  message(STATUS "TensorRT backend: left out, it needs the CUDA kernels")
  return()
endif()

set(tensorrt_roots "${TENSORRT_ROOT}")
if(NOT tensorrt_roots)  # not the cached variable's default: the environment may change between two builds
  set(tensorrt_roots "$ENV{TENSORRT_ROOT}")
endif()
string(REPLACE ":" ";" tensorrt_roots "${tensorrt_roots}")
foreach(tag IN LISTS DIM_TRT_FETCH_TENSORRT)
  include(FetchContent)
  string(MAKE_C_IDENTIFIER "tensorrt_headers_${tag}" content)
  FetchContent_Declare(${content} GIT_REPOSITORY https://github.com/NVIDIA/TensorRT GIT_TAG ${tag} GIT_SHALLOW ON
    GIT_SUBMODULES "" SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(${content})
  list(APPEND tensorrt_roots ${${content}_SOURCE_DIR})
endforeach()
if(NOT tensorrt_roots)
  find_path(tensorrt_system_include NvInfer.h PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE})
  if(tensorrt_system_include)
    list(APPEND tensorrt_roots ${tensorrt_system_include})
  endif()
endif()

# "8.5.3" from NvInferVersion.h; the macros have other names from 10.11 on
function(dim_read_tensorrt_version include result)
  file(STRINGS ${include}/NvInferVersion.h lines REGEX "#define (NV_TENSORRT|TRT)_(MAJOR|MINOR|PATCH)")
  set(version "")
  foreach(part MAJOR MINOR PATCH)
    string(REGEX MATCH "(NV_TENSORRT_${part}|TRT_${part}_ENTERPRISE) ([0-9]+)" found "${lines}")
    if(NOT found)
      message(FATAL_ERROR "${include}/NvInferVersion.h: no ${part} version in it")
    endif()
    list(APPEND version ${CMAKE_MATCH_2})
  endforeach()
  list(JOIN version "." version)
  set(${result} ${version} PARENT_SCOPE)
endfunction()

function(dim_add_tensorrt_library name include)
  cmake_parse_arguments(PARSE_ARGV 2 lib "" "OUTPUT" "SOURCES;LIBRARIES")
  add_library(${name} MODULE ${lib_SOURCES})
  target_include_directories(${name} PRIVATE csrc)
  target_include_directories(${name} SYSTEM PRIVATE ${include} ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(${name} PRIVATE ${lib_LIBRARIES} ${CMAKE_DL_LIBS})
  target_compile_options(${name} PRIVATE -Wall -Wextra $<$<BOOL:${DIM_TRT_WERROR}>:-Werror>)
  # nothing of what is linked in may be seen from outside, or two versions in one process would mix
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined)
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${lib_OUTPUT} CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  install(TARGETS ${name} LIBRARY DESTINATION dim_trt)
endfunction()

foreach(root IN LISTS tensorrt_roots)
  find_path(include NvInfer.h PATHS ${root}/include ${root} PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE} NO_CACHE
    NO_DEFAULT_PATH)
  if(NOT include)
    message(FATAL_ERROR "TENSORRT_ROOT: ${root} has no include/NvInfer.h")
  endif()
  if(NOT EXISTS ${include}/NvOnnxParser.h)
    message(FATAL_ERROR "TENSORRT_ROOT: ${include} has no NvOnnxParser.h; before 10.14 it comes from "
      "github.com/onnx/onnx-tensorrt: copy it there")
  endif()
  dim_read_tensorrt_version(${include} version)
  string(REGEX MATCH "^[0-9]+" major ${version})
  if(version VERSION_LESS 8.5 OR version VERSION_GREATER_EQUAL 12 OR major EQUAL 9 OR
     (major EQUAL 10 AND version VERSION_LESS 10.12))
    message(FATAL_ERROR "TENSORRT_ROOT: ${include} is TensorRT ${version}; supported are 8.5, 8.6, 10.12 and newer, 11")
  endif()
  if(TARGET dim_trt_tensorrt_${major})
    message(FATAL_ERROR "TENSORRT_ROOT: two folders with TensorRT ${major}; give one for each major version")
  endif()
  dim_add_tensorrt_library(dim_trt_plugins_${major} ${include} OUTPUT libdim_trt_plugins.${major}
    SOURCES csrc/tensorrt/plugin/library.cc LIBRARIES dim_cuda)
  dim_add_tensorrt_library(dim_trt_tensorrt_${major} ${include} OUTPUT libdim_trt_tensorrt.${major}
    SOURCES
      csrc/tensorrt/builder.cc
      csrc/tensorrt/module.cc
      csrc/tensorrt/network.cc
      csrc/tensorrt/runner.cc
      csrc/tensorrt/session.cc
      csrc/tensorrt/slots.cc
      csrc/tensorrt/foreground.cc
      csrc/tensorrt/staging.cc
    LIBRARIES dim_core dim_cuda)
  if(DIM_TRT_TESTING)
    add_executable(dim_tensorrt_check_${major}
      csrc/tensorrt/check.cc
      csrc/tensorrt/check_builder.cc
      csrc/tensorrt/check_contexts.cc
      csrc/tensorrt/check_registry.cc
      csrc/tensorrt/check_typing.cc
      csrc/tensorrt/session.cc)
    set_target_properties(dim_tensorrt_check_${major} PROPERTIES OUTPUT_NAME dim_tensorrt_check.${major})
    target_include_directories(dim_tensorrt_check_${major} SYSTEM PRIVATE ${include})
    target_link_libraries(dim_tensorrt_check_${major} PRIVATE dim_core dim_cuda)
    target_compile_options(dim_tensorrt_check_${major} PRIVATE -Wall -Wextra $<$<BOOL:${DIM_TRT_WERROR}>:-Werror>)
  endif()
  list(APPEND tensorrt_versions ${version})
  unset(include)
endforeach()

if(tensorrt_versions)
  list(JOIN tensorrt_versions ", " text)
  message(STATUS "TensorRT backend: built for ${text}")
else()
  message(STATUS "TensorRT backend: left out, no headers; set TENSORRT_ROOT to a folder with include/NvInfer.h, or "
    "DIM_TRT_FETCH_TENSORRT to a tag of github.com/NVIDIA/TensorRT")
endif()
list(JOIN tensorrt_versions "," tensorrt_versions)
target_compile_definitions(dim_core PRIVATE DIM_TENSORRT_VERSIONS="${tensorrt_versions}")
