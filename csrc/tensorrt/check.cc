// dim_tensorrt_check.<major>: what of the backend can be checked without a GPU, on stand-ins for TensorRT's classes.
//
//     dim_tensorrt_check.8    # a line for each thing that is wrong; exit code 1 if there is any
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

int main() {
  dim::tensorrt::Checks checks;
  check_contexts(checks);
  check_kernels(checks);
  check_flags(checks);
  check_typing(checks);
  return checks.finish();
}
