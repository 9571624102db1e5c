// The NVIDIA driver, asked without CUDA's toolkit: libcuda is opened at run time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace dim::tensorrt {

struct Gpu {
  std::string name;
  int sm_major = 0, sm_minor = 0;  // compute capability
  std::size_t memory_bytes = 0;

  std::string sm() const { return std::to_string(sm_major) + "." + std::to_string(sm_minor); }
};

struct Driver {
  std::vector<Gpu> gpus;
  int cuda_version = 0;  // newest CUDA it can run, 13000 is 13.0; 0 without a driver
  std::string problem;   // empty where there is a GPU
};

/// Asks once; later calls return the first answer. Never throws for a missing driver: `problem` says what is missing.
const Driver& driver();

}  // namespace dim::tensorrt
