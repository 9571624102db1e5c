#include "tensorrt/network.h"

#include <algorithm>

#include "core/error.h"

namespace dim::tensorrt {
namespace {

constexpr std::size_t kMaxGraphs = 16;  // sizes of pictures that are remembered

/// A context without memory of its own: ours is checked when it is reserved, and does not move under a graph.
nvinfer1::IExecutionContext* make_context(nvinfer1::ICudaEngine& engine) {
#if NV_TENSORRT_MAJOR >= 10
  return engine.createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
#else
  return engine.createExecutionContextWithoutDeviceMemory();
#endif
}

void give_workspace(nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext& context, GpuBuffer& memory) {
#if NV_TENSORRT_MAJOR > 10 || (NV_TENSORRT_MAJOR == 10 && NV_TENSORRT_MINOR >= 1)
  const std::int64_t bytes = engine.getDeviceMemorySizeV2();
  memory.reserve(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1)));
  context.setDeviceMemoryV2(memory.as<>(), bytes);
#else
  memory.reserve(std::max<std::size_t>(engine.getDeviceMemorySize(), 1));
  context.setDeviceMemory(memory.as<>());
#endif
}

}  // namespace

Network::Network(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs)
    : log_(log), cuda_graphs_(cuda_graphs), context_(make_context(engine)) {
  if (!context_) throw Error("the network cannot be set up on the GPU: " + log.take("TensorRT does not say why"));
  give_workspace(engine, *context_, workspace_);
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    (engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT ? input_name_ : output_name_) = name;
  }
}

float* Network::input(Size size) {
  if (size == size_) return input_.as<float>();
  size_ = {};  // until all of this has worked
  const bool moved_in = input_.reserve(size.area() * 4 * sizeof(float));
  const bool moved_out = output_.reserve(size.area() * sizeof(float));
  if (moved_in || moved_out) graphs_.clear();  // they hold the old addresses
  if (!context_->setInputShape(input_name_.c_str(), nvinfer1::Dims4(1, 4, size.height, size.width)) ||
      !context_->setTensorAddress(input_name_.c_str(), input_.as<>()) ||
      !context_->setTensorAddress(output_name_.c_str(), output_.as<>()))
    throw Error("the network cannot take an input of " + to_string(size) + ": " +
                log_.take("TensorRT does not say why"));
  size_ = size, ran_ = false;
  return input_.as<float>();
}

void Network::run() {
  const auto known = std::find_if(graphs_.begin(), graphs_.end(), [&](const auto& g) { return g.first == size_; });
  if (known != graphs_.end()) {
    graphs_.splice(graphs_.begin(), graphs_, known);
    return graphs_.front().second.launch(stream_);
  }
  if (cuda_graphs_ && ran_) {  // the first run of a size does more than a graph may hold
    if (Graph graph = Graph::capture(stream_, [this] { return context_->enqueueV3(stream_); })) {
      graphs_.emplace_front(size_, std::move(graph));
      if (graphs_.size() > kMaxGraphs) graphs_.pop_back();
      return graphs_.front().second.launch(stream_);
    }
    cuda_graphs_ = false;
  }
  if (!context_->enqueueV3(stream_))
    throw Error("the network failed on the GPU: " + log_.take("TensorRT does not say why"));
  ran_ = true;
}

}  // namespace dim::tensorrt
