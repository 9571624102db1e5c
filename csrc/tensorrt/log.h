// TensorRT's messages: errors are kept for the exception that follows, the rest is printed on request.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include "tensorrt/compat.h"

namespace dim::tensorrt {

class Log final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* text) noexcept override {
    const bool is_error = severity == Severity::kERROR || severity == Severity::kINTERNAL_ERROR;
    if (verbose_) std::fprintf(stderr, "TensorRT: %s\n", text);
    if (!is_error) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      if (errors_.size() >= kMaxBytes) return;
      std::string line(text);
      std::replace(line.begin(), line.end(), '\n', ' ');
      errors_ += (errors_.empty() ? "" : "; ") + line;
    } catch (...) {  // a message is not worth a crash
    }
  }

  /// The errors since the last call or `clear`, and forgets them; `otherwise` if there were none.
  std::string take(const std::string& otherwise) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string errors = std::exchange(errors_, {});
    return errors.empty() ? otherwise : errors;
  }

  /// What was reported before does not explain what goes wrong from here on.
  void clear() { take(""); }

 private:
  static constexpr std::size_t kMaxBytes = 4096;
  const bool verbose_ = std::getenv("DIM_TRT_TENSORRT_VERBOSE") != nullptr;
  std::mutex mutex_;
  std::string errors_;
};

}  // namespace dim::tensorrt
