// dim_tensorrt_check.<major>: what of the backend can be checked without a GPU, on stand-ins for TensorRT's classes.
//
//     dim_tensorrt_check.8                                               # exit code 1 if anything is wrong
//     dim_tensorrt_check.8 libnvinfer.so.8 ./libdim_trt_plugins.8.so     # the registry of the real library
#include "tensorrt/check.h"

#include <cstdio>

namespace dim::tensorrt {

int Checks::finish() const {
  std::printf("%d checks, %d wrong\n", made_, wrong_);
  return made_ > 0 && wrong_ == 0 ? 0 : 1;
}

void Checks::expect(const std::string& what, const std::string& expected, const std::string& got) {
  ++made_;
  if (expected == got) return;
  ++wrong_;
  std::printf("%s: expected %s, got %s\n", what.c_str(), expected.c_str(), got.c_str());
}

}  // namespace dim::tensorrt

int main(int count, char** arguments) {
  dim::tensorrt::Checks checks;
  if (count == 3) {
    check_registry(checks, arguments[1], arguments[2]);
    return checks.finish();
  }
  check_contexts(checks);
  check_kernels(checks);
  check_flags(checks);
  check_typing(checks);
  return checks.finish();
}
