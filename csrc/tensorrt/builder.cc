#include "tensorrt/builder.h"

#include <NvOnnxParser.h>

#include <atomic>
#include <utility>

#include "base/error.h"
#include "tensorrt/session.h"
#include "tensorrt/typing.h"

namespace dim::tensorrt {
namespace {

using nvinfer1::OptProfileSelector;

/// All alike: in TensorRT 8 as many contexts as profiles can run at a time, and two keep a GPU busy. The second takes
/// its timings from the first.
constexpr int kProfiles = kMajor < 10 ? 2 : 1;

std::vector<std::uint8_t> bytes_of(const nvinfer1::IHostMemory& memory) {
  const auto* begin = static_cast<const std::uint8_t*>(memory.data());
  return {begin, begin + memory.size()};
}

#if DIM_TENSORRT_V3
/// Passes TensorRT's progress on, and a wish to stop back.
class Progress final : public nvinfer1::IProgressMonitor {
 public:
  explicit Progress(const BuildRequest& request) : tell_(request.progress) {}

  void phaseStart(const char* phase, const char*, int32_t steps) noexcept override { step(phase, 0, steps); }
  bool stepComplete(const char* phase, int32_t done) noexcept override { return step(phase, done + 1, 0); }
  void phaseFinish(const char* phase) noexcept override { step(phase, -1, 0); }

  bool stopped() const { return stopped_; }

 private:
  bool step(const char* phase, int done, int steps) noexcept {
    if (!tell_ || stopped_) return !stopped_;
    try {
      stopped_ = !tell_(phase, done, steps);
    } catch (...) {
      stopped_ = true;
    }
    return !stopped_;
  }

  const std::function<bool(const std::string&, int, int)>& tell_;
  std::atomic<bool> stopped_{false};
};
#endif

std::string parser_errors(const nvonnxparser::IParser& parser, Log& log) {
  std::string text;
  for (int i = 0; i < parser.getNbErrors() && i < 3; ++i)
    text += (text.empty() ? "" : "; ") + std::string(parser.getError(i)->desc());
  return log.take(text.empty() ? "TensorRT does not say why" : text);
}

std::unique_ptr<nvonnxparser::IParser> parse(Session& session, nvinfer1::INetworkDefinition& network,
                                             const BuildRequest& request) {
  if (session.libraries().parser == nullptr) throw BackendUnavailable(session.libraries().parser_problem);
  auto* create = session.entry<void*(void*, void*, int)>(session.libraries().parser, "createNvOnnxParser_INTERNAL");
  std::unique_ptr<nvonnxparser::IParser> parser(
      static_cast<nvonnxparser::IParser*>(create(&network, &session.log(), NV_ONNX_PARSER_VERSION)));
  if (!parser)
    throw BackendUnavailable("TensorRT's ONNX parser does not start: " + session.log().take("no reason given"));
  if (!parser->parse(request.onnx.data(), request.onnx.size()))
    throw BuildError("onnx: TensorRT cannot read the network: " + parser_errors(*parser, session.log()));
  if (network.getNbInputs() != 1 || network.getNbOutputs() != 1)
    throw BuildError("onnx: expected one input and one output, TensorRT finds " +
                     std::to_string(network.getNbInputs()) + " and " + std::to_string(network.getNbOutputs()));
  return parser;
}

void add_profile(nvinfer1::IBuilder& builder, nvinfer1::IBuilderConfig& config,
                 const nvinfer1::INetworkDefinition& network, const BuildRequest& request) {
  nvinfer1::IOptimizationProfile* profile = builder.createOptimizationProfile();
  const char* name = network.getInput(0)->getName();
  const Extent channels = network.getInput(0)->getDimensions().d[1];
  const auto set = [&](OptProfileSelector which, Size size) {
    return profile->setDimensions(name, which, nvinfer1::Dims4(1, channels, size.height, size.width));
  };
  if (!set(OptProfileSelector::kMIN, request.min) || !set(OptProfileSelector::kOPT, request.opt) ||
      !set(OptProfileSelector::kMAX, request.max) || config.addOptimizationProfile(profile) < 0)
    throw BuildError("sizes: TensorRT does not take " + to_string(request.min) + " to " + to_string(request.max) +
                     ", best at " + to_string(request.opt));
}

void configure(nvinfer1::IBuilderConfig& config, const BuildRequest& request) {
  if (request.workspace_bytes > 0)
    config.setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, request.workspace_bytes);
  config.clearFlag(nvinfer1::BuilderFlag::kTF32);  // fp32 means fp32
  config.setProfilingVerbosity(nvinfer1::ProfilingVerbosity::kDETAILED);
  use_own_kernels(config);
  allow_precision(config, request.precision != "fp32", request.precision == "int8");
#if NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 6
  config.setBuilderOptimizationLevel(request.optimization_level);
#endif
}

std::unique_ptr<nvinfer1::ITimingCache> use_timing_cache(nvinfer1::IBuilderConfig& config,
                                                         const BuildRequest& request) {
  const auto& old = request.timing_cache;
  std::unique_ptr<nvinfer1::ITimingCache> cache(config.createTimingCache(old.data(), old.size()));
  if (!cache || !config.setTimingCache(*cache, false)) {  // of another GPU or version: begin a new one
    cache.reset(config.createTimingCache(nullptr, 0));
    if (cache) config.setTimingCache(*cache, false);
  }
  return cache;
}

/// What TensorRT chose for each layer, JSON.
std::string describe_layers(Session& session, const std::vector<std::uint8_t>& engine_bytes) {
  const auto runtime = session.runtime();
  const std::unique_ptr<nvinfer1::ICudaEngine> engine(
      runtime->deserializeCudaEngine(engine_bytes.data(), engine_bytes.size()));
  if (!engine)
    throw BuildError("plan: TensorRT cannot load what it built: " + session.log().take("it does not say why"));
  const std::unique_ptr<nvinfer1::IEngineInspector> inspector(engine->createEngineInspector());
  if (!inspector) return "";
  const char* text = inspector->getEngineInformation(nvinfer1::LayerInformationFormat::kJSON);
  return text != nullptr ? text : "";
}

}  // namespace

BuildResult build(Session& session, const BuildRequest& request) {
  const GpuScope scope(request.gpu);
  session.log().clear();
#if DIM_TENSORRT_V3
  Progress progress(request);  // must outlive the configuration
#endif
  const auto builder = session.builder();
  const std::unique_ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(network_flags()));
  const auto parser = parse(session, *network, request);  // owns weights that the network refers to
#if !DIM_TENSORRT_V3
  bind_types(*network, request.types);
#endif
  const std::unique_ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
  configure(*config, request);
  for (int i = 0; i < kProfiles; ++i) add_profile(*builder, *config, *network, request);
  const auto cache = use_timing_cache(*config, request);
#if DIM_TENSORRT_V3
  config->setProgressMonitor(&progress);
#endif
  const std::unique_ptr<nvinfer1::IHostMemory> engine(builder->buildSerializedNetwork(*network, *config));
#if DIM_TENSORRT_V3
  if (progress.stopped()) throw BuildError("plan: the build was stopped");
#endif
  if (!engine) throw BuildError("plan: TensorRT cannot build the engine: " + session.log().take("it does not say why"));
  BuildResult result;
  result.engine = bytes_of(*engine);
  if (cache) {
    const std::unique_ptr<nvinfer1::IHostMemory> blob(cache->serialize());
    if (blob) result.timing_cache = bytes_of(*blob);
  }
  result.layers = describe_layers(session, result.engine);
  return result;
}

}  // namespace dim::tensorrt
