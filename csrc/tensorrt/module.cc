// The one function that a module exports.
#include "tensorrt/module.h"

#include "tensorrt/builder.h"
#include "tensorrt/runner.h"

namespace dim::tensorrt {
namespace {

class TensorRt final : public Module {
 public:
  explicit TensorRt(const Libraries& libraries) : session_(libraries) {}

  BuildResult build(const BuildRequest& request) override { return tensorrt::build(session_, request); }
  std::unique_ptr<Backend> load(const Plan& plan, bool rgb, const LoadOptions& options) override {
    return std::make_unique<Runner>(session_, plan, rgb, options);
  }

 private:
  Session session_;
};

}  // namespace
}  // namespace dim::tensorrt

extern "C" __attribute__((visibility("default"))) dim::tensorrt::Module* dim_trt_open_module(
    const dim::tensorrt::Libraries& libraries) {
  return new dim::tensorrt::TensorRt(libraries);
}
