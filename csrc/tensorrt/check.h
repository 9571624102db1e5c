// What dim_tensorrt_check.<major> counts.
#pragma once

#include <string>

namespace dim::tensorrt {

class Checks {
 public:
  /// A line on standard output where they differ.
  void expect(const std::string& what, const std::string& expected, const std::string& got);
  /// The exit code: not 0 where something was wrong or nothing was checked.
  int finish() const;

 private:
  int made_ = 0, wrong_ = 0;
};

void check_contexts(Checks& checks);
void check_flags(Checks& checks);
void check_kernels(Checks& checks);
void check_registry(Checks& checks, const std::string& nvinfer, const std::string& plugins);
void check_typing(Checks& checks);

}  // namespace dim::tensorrt
