#include "tensorrt/runner.h"

#include <algorithm>

#include "base/cores.h"
#include "base/error.h"
#include "base/json.h"
#include "core/postprocess.h"
#include "core/scaling.h"
#include "cuda/kernels.h"
#include "tensorrt/staging.h"
#include "tensorrt/timer.h"

namespace dim::tensorrt {
namespace {

constexpr int kMostThreads = 8;  // of the CPU, which only scales pictures
constexpr int kWindowStep = 64;  // pixels; fewer sizes of windows, so that their CUDA graphs are used again

/// The plan says which TensorRT and GPU it was built by, and runs with no other.
void check_origin(const Json& origin, const std::string& version, const cudaDeviceProp& gpu) {
  const std::string sm = std::to_string(gpu.major) + "." + std::to_string(gpu.minor);
  const auto refuse = [](const std::string& what, const std::string& expected, const std::string& here) {
    throw PlanError("plan: it was built with " + what + " " + expected + ", and this machine has " + here +
                    "; rebuild it here with python -m dim_trt.build");
  };
  if (origin.at("version").string() != version) refuse("TensorRT", origin.at("version").string(), version);
  if (origin.at("sm").string() != sm)
    refuse("a GPU of compute capability", origin.at("sm").string(), std::string(gpu.name) + " (" + sm + ")");
}

void check_tensors(const nvinfer1::ICudaEngine& engine, int channels) {
  int inputs = 0, outputs = 0;
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    const bool is_input = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    ++(is_input ? inputs : outputs);
    if (is_input && engine.getTensorShape(name).d[1] != channels)
      throw PlanError("plan: its network reads " + std::to_string(engine.getTensorShape(name).d[1]) +
                      " channels, and preprocessing gives " + std::to_string(channels) +
                      "; rebuild it with python -m dim_trt.build");
    if (engine.getTensorDataType(name) != nvinfer1::DataType::kFLOAT)
      throw PlanError("plan: tensor '" + std::string(name) +
                      "' is not float32; rebuild it with python -m dim_trt.build");
  }
  if (inputs != 1 || outputs != 1)
    throw PlanError("plan: expected one input and one output, got " + std::to_string(inputs) + " and " +
                    std::to_string(outputs) + "; rebuild it with python -m dim_trt.build");
}

cuda::AlphaTarget target(const MapView& alpha, bool clamp) {
  return {alpha.data,
          cuda::AlphaType::kFloat32,
          alpha.size,
          alpha.row_stride_bytes,
          alpha.pixel_stride_bytes,
          clamp,
          alpha.share,
          alpha.adds};
}

}  // namespace

Runner::Runner(Session& session, const Plan& plan, bool rgb, const LoadOptions& options)
    : Backend(std::min(kMostThreads, default_threads())),
      options_(options),
      min_size_(network_size(plan.preprocessing, plan.min_size)),
      stride_(plan.preprocessing.stride),
      transform_(cuda::input_transform(plan.preprocessing, rgb)),
      log_(session.log()) {
  if (!plan.preprocessing.reflect && !plan.preprocessing.resize)
    throw PlanError(
        "plan: its network wants maps that end where the picture does, and the TensorRT backend has no "
        "such maps; build it with python -m dim_trt.build --backend cpu");
  const GpuScope scope(options.gpu);
  log_.clear();
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, options.gpu), "asking for the GPU's name");
  gpu_name_ = properties.name;
  const Json header = Json::parse(plan.header, "plan: header");
  check_origin(header.at("tensorrt"), session.libraries().version, properties);
  halo_px_ = static_cast<int>(header.at("tensorrt").at("halo_px").integer(0, 1 << 20));
  runtime_ = session.runtime();
  engine_.reset(runtime_->deserializeCudaEngine(plan.payload(), plan.payload_bytes()));
  if (!engine_)
    throw PlanError("plan: TensorRT cannot load it: " + log_.take("it does not say why") +
                    "; rebuild it with python -m dim_trt.build");
  check_tensors(*engine_, plan.preprocessing.channels());
  if (kMajor < 10)  // TensorRT 8 lends an optimisation profile to one context at a time
    options_.max_concurrent = std::min(options_.max_concurrent, engine_->getNbOptimizationProfiles());
  slots_ = std::make_unique<Slots>(*engine_, log_, options_.max_concurrent, options_.cuda_graphs);
}

Runner::~Runner() {
  cudaSetDevice(options_.gpu);  // no scope: a destructor must not throw
  slots_.reset();
  estimator_.reset();
}

Window Runner::window_of(const Window& unknown, Size picture) const {
  if (unknown.empty()) return {};
  if (!options_.crop) return {0, 0, picture};
  Window window = network_window(unknown, picture, halo_px_, stride_, kWindowStep);
  if (window.size.height < min_size_.height) window.top = 0, window.size.height = picture.height;
  if (window.size.width < min_size_.width) window.left = 0, window.size.width = picture.width;
  return window;
}

void Runner::run(const Request& request, Trace* trace) {
  const GpuScope scope(options_.gpu);
  Slots::Lease lease(*slots_);
  if (request.place.on_gpu)
    run_on_gpu(request, lease.slot(), trace);
  else
    run_from_host(request, lease.slot(), trace);
}

std::shared_ptr<void> Runner::allocate(std::size_t bytes) const {
  const GpuScope scope(options_.gpu);
  void* data = nullptr;
  check_cuda(cudaMalloc(&data, bytes), "reserving memory for alpha");
  return {data, [](void* memory) { cudaFree(memory); }};
}

void Runner::run_from_host(const Request& request, Slot& slot, Trace* trace) {
  const Stream& stream = slot.network.stream();
  const Inputs& inputs = request.inputs;
  const Wanted& wanted = request.wanted;
  const Output& output = request.output;
  const Window window = window_of(unknown_window(wanted.known, wanted.window), inputs.image.size);
  const ImageView image = part(inputs.image, window);
  const std::size_t pixels = window.size.area(), image_bytes = pixels * pixel_bytes(image);
  // A guide that also says what is known travels once.
  const bool has_known = !wanted.known.empty();
  const bool has_guide = !inputs.guide.empty() && inputs.guide.data != wanted.known.data;
  const std::size_t guide_at = image_bytes + (has_known ? pixels : 0);
  const std::size_t picture_bytes = guide_at + (has_guide ? pixels : 0);
  slot.host_picture.reserve(picture_bytes), slot.host_alpha.reserve(pixels * sizeof(float));
  slot.picture.reserve(picture_bytes), slot.alpha.reserve(pixels * sizeof(float));

  Timer timer(stream, trace);
  auto* staged = slot.host_picture.as<std::uint8_t>();
  pack(image, staged);
  if (has_known) pack(part(wanted.known, window), staged + image_bytes);
  if (has_guide) pack(part(inputs.guide, window), staged + guide_at);
  auto* picture = slot.picture.as<std::uint8_t>();
  check_cuda(cudaMemcpyAsync(picture, staged, picture_bytes, cudaMemcpyHostToDevice, stream), "copying the picture");
  timer.mark("copy to GPU");
  const ByteView known = has_known ? packed_bytes(picture + image_bytes, window.size) : ByteView{};
  const ByteView guide = has_guide ? packed_bytes(picture + guide_at, window.size) : known;
  const Size padded_size = padded(window.size, stride_);
  check_cuda(cuda::preprocess(packed_image(picture, image), guide, transform_, slot.network.input(padded_size),
                              padded_size, cuda::Type::kFloat32, stream),
             "preprocessing");
  timer.mark("preprocess");
  slot.network.run();
  timer.mark("network");
  auto* alpha = slot.alpha.as<float>();
  check_cuda(cuda::postprocess(slot.network.output(), padded_size.width, cuda::Type::kFloat32, known,
                               target(packed_map(alpha, window.size), output.clamp), stream),
             "postprocessing");
  timer.mark("postprocess");
  auto* result = slot.host_alpha.as<float>();
  check_cuda(cudaMemcpyAsync(result, alpha, pixels * sizeof(float), cudaMemcpyDeviceToHost, stream), "copying alpha");
  const Window written = overlap(window, wanted.window);
  for (const Window& rest : around(written, wanted.window))  // while the GPU works
    for (int y = 0; y < rest.size.height && rest.size.width > 0; ++y)
      postprocess_row(part(wanted.known, rest), y, nullptr, 0, part(output.map, rest));
  check_cuda(cudaStreamSynchronize(stream), "running the network");
  timer.mark("copy to host");
  unpack(part(packed_map(result, window.size), relative(written, window)), part(wanted.known, written),
         part(output.map, written));
}

/// The window of the wanted pixels that are unknown, by bytes in GPU memory; of all that is wanted where finding it
/// would mean to wait.
Window Runner::find_unknown(const Request& request, Slot& slot) {
  const Window& wanted = request.wanted.window;
  if (!options_.crop || !request.place.wait || request.wanted.known.empty()) return wanted;
  const Stream& stream = slot.network.stream();
  slot.box.reserve(sizeof(cuda::Box)), slot.host_alpha.reserve(sizeof(cuda::Box));
  auto* box = slot.host_alpha.as<cuda::Box>();
  check_cuda(cuda::unknown_box(part(request.wanted.known, wanted), slot.box.as<cuda::Box>(), stream),
             "finding the unknown pixels");
  check_cuda(cudaMemcpyAsync(box, slot.box.as<>(), sizeof *box, cudaMemcpyDeviceToHost, stream), "copying a box");
  check_cuda(cudaStreamSynchronize(stream), "finding the unknown pixels");
  if (box->bottom <= box->top) return {};
  return {wanted.top + box->top, wanted.left + box->left, {box->bottom - box->top, box->right - box->left}};
}

void Runner::run_on_gpu(const Request& request, Slot& slot, Trace* trace) {
  const Stream& stream = slot.network.stream();
  const Inputs& inputs = request.inputs;
  const Output& output = request.output;
  const ByteView& known = request.wanted.known;
  const auto caller = reinterpret_cast<cudaStream_t>(request.place.stream);
  check_cuda(cudaEventRecord(slot.ready, caller), "following the caller's stream");
  check_cuda(cudaStreamWaitEvent(stream, slot.ready, 0), "following the caller's stream");

  Timer timer(stream, trace);
  const Window window = window_of(find_unknown(request, slot), inputs.image.size);
  timer.mark("find unknown pixels");
  const Window written = overlap(window, request.wanted.window);
  for (const Window& rest : around(written, request.wanted.window))
    if (!rest.empty())
      check_cuda(cuda::postprocess(nullptr, 0, cuda::Type::kFloat32, part(known, rest),
                                   target(part(output.map, rest), output.clamp), stream),
                 "writing known pixels");
  if (!window.empty()) {
    const Size padded_size = padded(window.size, stride_);
    check_cuda(cuda::preprocess(part(inputs.image, window), part(inputs.guide, window), transform_,
                                slot.network.input(padded_size), padded_size, cuda::Type::kFloat32, stream),
               "preprocessing");
    timer.mark("preprocess");
    slot.network.run();
    timer.mark("network");
    const Window inside = relative(written, window);
    const float* result =
        slot.network.output() + static_cast<std::ptrdiff_t>(inside.top) * padded_size.width + inside.left;
    check_cuda(cuda::postprocess(result, padded_size.width, cuda::Type::kFloat32, part(known, written),
                                 target(part(output.map, written), output.clamp), stream),
               "postprocessing");
  }
  timer.mark("postprocess");
  if (request.place.wait) {
    check_cuda(cudaStreamSynchronize(stream), "running the network");
  } else {
    check_cuda(cudaEventRecord(slot.ready, stream), "handing alpha over");
    check_cuda(cudaStreamWaitEvent(caller, slot.ready, 0), "handing alpha over");
  }
}

}  // namespace dim::tensorrt
