#include "tensorrt/network.h"

#include <algorithm>

#include "base/error.h"

namespace dim::tensorrt {
namespace {

constexpr std::size_t kMaxGraphs = 16;  // sizes of pictures that are remembered

/// A context without memory of its own: ours is checked when it is reserved, and graphs stay valid while the context is
/// set to other sizes.
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

Network::Network(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs)
    : engine_(engine), log_(log), cuda_graphs_(cuda_graphs), context_(make_context(engine)) {
  if (!context_) throw Error("the network cannot be set up on the GPU: " + log.take("TensorRT does not say why"));
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    (engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT ? input_name_ : output_name_) = name;
  }
}

Network::~Network() { cudaStreamSynchronize(stream_); }  // what was not waited for may still use the memory

float* Network::input(Size size) {
  if (size == size_) return input_.as<float>();
  size_ = {};  // until all of this has worked
  const bool moved_in = input_.reserve(size.area() * 4 * sizeof(float));
  const bool moved_out = output_.reserve(size.area() * sizeof(float));
  if (!context_->setInputShape(input_name_.c_str(), nvinfer1::Dims4(1, 4, size.height, size.width)) ||
      !context_->setTensorAddress(input_name_.c_str(), input_.as<>()) ||
      !context_->setTensorAddress(output_name_.c_str(), output_.as<>()))
    throw Error("the network cannot take an input of " + to_string(size) + ": " +
                log_.take("TensorRT does not say why"));
  const bool moved_maps = give_workspace(engine_, *context_, workspace_);
  if (moved_in || moved_out || moved_maps) graphs_.clear();  // they hold the old addresses
  size_ = size;
  return input_.as<float>();
}

void Network::run() {
  const auto known = std::find_if(graphs_.begin(), graphs_.end(), [&](const auto& g) { return g.first == size_; });
  const bool seen = known != graphs_.end();
  if (seen) {
    graphs_.splice(graphs_.begin(), graphs_, known);
    if (graphs_.front().second) return graphs_.front().second.launch(stream_);
  }
  if (!context_->enqueueV3(stream_))
    throw Error("the network failed on the GPU: " + log_.take("TensorRT does not say why"));
  if (!cuda_graphs_) return;
  if (!seen) {  // it may not come again
    graphs_.emplace_front(size_, Graph());
    if (graphs_.size() > kMaxGraphs) graphs_.pop_back();
    return;
  }
  // After a plain run of this size: the first one does more than a graph may hold. Capturing runs nothing.
  graphs_.front().second = Graph::capture(stream_, [this] { return context_->enqueueV3(stream_); });
  if (!graphs_.front().second) cuda_graphs_ = false, log_.clear();
}

}  // namespace dim::tensorrt
