// dim_cuda_check [--time] [--json FILE]: compares every kernel with its twin of reference.h, bit for bit but for the
// foreground, where sums have another order. Each runs as
// a captured graph, so this also shows that it can be. Exit code 0: all equal; 1: not, or it could not be told; 77: no
// GPU.
#include "cuda/check.h"

#include <cerrno>

namespace dim::cuda::check {
namespace {

std::string array_of(const std::vector<std::string>& objects) {
  std::string out = "[";
  for (const std::string& object : objects) out += (out.size() > 1 ? ",\n  " : "\n  ") + object;
  return out + "]";
}

bool write_json(const char* path, const Report& report, const cudaDeviceProp& gpu) {
  int driver = 0, runtime = 0;
  DIM_REQUIRE(cudaDriverGetVersion(&driver));
  DIM_REQUIRE(cudaRuntimeGetVersion(&runtime));
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) return false;
  std::fprintf(file,
               "{\"gpu\": \"%s\", \"sm\": \"%d.%d\", \"driver_cuda\": %d, \"runtime_cuda\": %d, \"mismatches\": %zu,\n"
               " \"checks\": %s,\n \"times\": %s}\n",
               gpu.name, gpu.major, gpu.minor, driver, runtime, report.mismatches, array_of(report.checks).c_str(),
               array_of(report.times).c_str());
  return std::fclose(file) == 0;
}

int run(bool timed, const char* json) {
  int gpus = 0;
  const cudaError_t error = cudaGetDeviceCount(&gpus);
  if (error != cudaSuccess || gpus == 0) {
    std::printf("dim_cuda_check: nothing was checked, there is no GPU to use: %s\n",
                error != cudaSuccess ? cudaGetErrorString(error) : "none is visible");
    return 77;
  }
  cudaDeviceProp gpu;
  DIM_REQUIRE(cudaGetDeviceProperties(&gpu, 0));
  Report report;
  check_maps(report);
  check_pictures(report);
  check_foreground(report);
  if (timed) time_kernels(report);
  std::printf("%s: %zu comparisons, %zu mismatches\n", gpu.name, report.checks.size(), report.mismatches);
  if (json != nullptr && !write_json(json, report, gpu)) {
    std::fprintf(stderr, "dim_cuda_check: cannot write %s: %s\n", json, std::strerror(errno));
    return 1;
  }
  return report.mismatches == 0 && !report.checks.empty() ? 0 : 1;
}

}  // namespace
}  // namespace dim::cuda::check

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // in a file, too: what was found is there if the program is ended
  bool timed = false;
  const char* json = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--time") == 0) {
      timed = true;
    } else if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
      json = argv[++i];
    } else {
      std::fprintf(stderr, "usage: dim_cuda_check [--time] [--json FILE]\n");
      return 2;
    }
  }
  return dim::cuda::check::run(timed, json);
}
