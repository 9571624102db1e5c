// One execution context with its memory: it runs the network for one caller at a time.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "base/size.h"
#include "tensorrt/memory.h"

namespace dim::tensorrt {

class Network {
 public:
  /// `engine` and `log` must live longer. Throws Error where the GPU has too little memory.
  Network(nvinfer1::ICudaEngine& engine, Log& log, bool cuda_graphs);
  ~Network();

  /// Where a network input of this size is to be written: [4][height][width] float32. Multiples of the stride.
  float* input(Size size);
  /// After `run`: [height][width] float32.
  const float* output() const { return output_.as<float>(); }

  /// Enqueues the network for the size of the last `input`.
  void run();

  const Stream& stream() const { return stream_; }

 private:
  nvinfer1::ICudaEngine& engine_;
  Log& log_;
  bool cuda_graphs_;
  std::string input_name_, output_name_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  Stream stream_;
  GpuBuffer workspace_, input_, output_;
  Size size_;
  std::list<std::pair<Size, Graph>> graphs_;  // the last used first; an empty graph is of a size that came once
};

}  // namespace dim::tensorrt
