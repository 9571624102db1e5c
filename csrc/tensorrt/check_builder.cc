// What the builder is told, read back from stand-ins for TensorRT's configuration.
#include <set>
#include <string>

#include "tensorrt/check.h"
#include "tensorrt/compat.h"

namespace dim::tensorrt {
namespace {

constexpr bool kTold = kMajor < 10;  // newer versions need nothing of this

struct Config {
  std::set<int> flags, features;
  unsigned sources = ~0U;

  void setFlag(nvinfer1::BuilderFlag flag) { flags.insert(static_cast<int>(flag)); }
  bool setTacticSources(nvinfer1::TacticSources allowed) {
    sources = allowed;
    return true;
  }
  void setPreviewFeature(nvinfer1::PreviewFeature feature, bool on) {
    if (on) features.insert(static_cast<int>(feature));
  }
};

std::string text(const std::set<int>& numbers) {
  std::string all;
  for (const int number : numbers) all += std::to_string(number) + " ";
  return all;
}

}  // namespace

void check_kernels(Checks& checks) {
  Config config;
  use_own_kernels(config);
  // kEDGE_MASK_CONVOLUTIONS and kJIT_CONVOLUTIONS, bits 3 and 4; kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805
  checks.expect("sources of kernels", std::to_string(kTold ? 24U : ~0U), std::to_string(config.sources));
  checks.expect("preview features", kTold ? "1 " : "", text(config.features));
}

void check_flags(Checks& checks) {
  const auto flags = [](bool fp16, bool int8) {
    Config config;
    allow_precision(config, fp16, int8);
    return text(config.flags);
  };
  // kFP16, kINT8, kPREFER_PRECISION_CONSTRAINTS
  checks.expect("flags of fp32", "", flags(false, false));
  checks.expect("flags of fp16", kTold ? "0 11 " : "", flags(true, false));
  checks.expect("flags of int8", kTold ? "0 1 11 " : "", flags(true, true));
}

}  // namespace dim::tensorrt
