#include "tensorrt/network.h"

#include <algorithm>

#include "base/error.h"

namespace dim::tensorrt {
namespace {

/// A context without memory of its own: ours is checked when it is reserved, and all contexts of a network share it.
nvinfer1::IExecutionContext* make_context(nvinfer1::ICudaEngine& engine) {
#if DIM_TENSORRT_V3
  return engine.createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
#else
  return engine.createExecutionContextWithoutDeviceMemory();
#endif
}

/// Memory for the maps of the context's present size; from TensorRT 10 on no more than that size needs. True if it
/// moved.
bool give_workspace(nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext& context, GpuBuffer& memory) {
#if DIM_TENSORRT_V3
  static_cast<void>(engine);
  const std::size_t bytes = context.updateDeviceMemorySizeForShapes();
  const bool moved = memory.reserve(std::max<std::size_t>(bytes, 1));
  context.setDeviceMemoryV2(memory.as<>(), static_cast<std::int64_t>(bytes));
#else
  const bool moved = memory.reserve(std::max<std::size_t>(engine.getDeviceMemorySize(), 1));
  context.setDeviceMemory(memory.as<>());
#endif
  return moved;
}

}  // namespace

Network::Network(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs, int profile)
    : engine_(engine), log_(log), profile_(profile) {
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    (engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT ? input_name_ : output_name_) = name;
  }
  channels_ = engine.getTensorShape(input_name_.c_str()).d[1];
  contexts_ = std::make_unique<Contexts<Network>>(*this, cuda_graphs, DIM_TENSORRT_V3 != 0);
}

Network::~Network() { wait(); }  // what was not waited for may still use the memory

float* Network::input(Size size) {
  contexts_->choose(size);
  return input_.as<float>();
}

Network::Context Network::make() {
  Context context(make_context(engine_));
  if (!context) throw Error("the network cannot be set up on the GPU: " + log_.take("TensorRT does not say why"));
  if (context->getOptimizationProfile() != profile_) {
    if (!context->setOptimizationProfileAsync(profile_, stream_))
      throw Error("the network cannot be set up on the GPU: " + log_.take("TensorRT does not say why"));
    wait();
  }
  return context;
}

bool Network::bind(Context& context, Size size) {
  const bool moved_in = input_.reserve(size.area() * static_cast<std::size_t>(channels_) * sizeof(float));
  const bool moved_out = output_.reserve(size.area() * sizeof(float));
  if (!context->setInputShape(input_name_.c_str(), nvinfer1::Dims4(1, channels_, size.height, size.width)) ||
      !context->setTensorAddress(input_name_.c_str(), input_.as<>()) ||
      !context->setTensorAddress(output_name_.c_str(), output_.as<>()))
    throw Error("the network cannot take an input of " + to_string(size) + ": " +
                log_.take("TensorRT does not say why"));
  const bool moved_maps = give_workspace(engine_, *context, workspace_);
  return moved_in || moved_out || moved_maps;
}

void Network::enqueue(Context& context) {
  if (!context->enqueueV3(stream_))
    throw Error("the network failed on the GPU: " + log_.take("TensorRT does not say why"));
}

Graph Network::capture(Context& context) {
  Graph graph = Graph::capture(stream_, [&] { return context->enqueueV3(stream_); });
  if (!graph) log_.clear();
  return graph;
}

}  // namespace dim::tensorrt
