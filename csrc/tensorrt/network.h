// Execution contexts with their memory: they run the network for one caller at a time.
#pragma once

#include <memory>
#include <string>

#include "base/size.h"
#include "tensorrt/contexts.h"
#include "tensorrt/memory.h"

namespace dim::tensorrt {

class Network {
 public:
  /// `engine` and `log` must live longer; `profile` is the optimisation profile that no other network may use in
  /// TensorRT 8. Throws Error where the GPU has too little memory.
  Network(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs, int profile);
  ~Network();

  /// Where a network input of this size is to be written: [channels][height][width] float32. Multiples of the stride.
  float* input(Size size);
  /// After `run`: [height][width] float32.
  const float* output() const { return output_.as<float>(); }

  /// Enqueues the network for the size of the last `input`.
  void run() { contexts_->run(); }

  const Stream& stream() const { return stream_; }

  // What Contexts asks of this class: see there.
  using Context = std::unique_ptr<nvinfer1::IExecutionContext>;
  using Graph = tensorrt::Graph;
  Context make();
  bool bind(Context& context, Size size);
  void enqueue(Context& context);
  Graph capture(Context& context);
  void launch(const Graph& graph) { graph.launch(stream_); }
  void wait() { cudaStreamSynchronize(stream_); }

 private:
  nvinfer1::ICudaEngine& engine_;
  Log& log_;
  int profile_;
  std::string input_name_, output_name_;
  Extent channels_ = 0;  // of the input
  Stream stream_;
  GpuBuffer workspace_, input_, output_;  // of all contexts, which never run at the same time
  std::unique_ptr<Contexts<Network>> contexts_;
};

}  // namespace dim::tensorrt
