// "Same" convolution with bias and optional ReLU; of a plain map, or of one that is unpooled on the way, to which
// another may be added before.
#pragma once

#include "cpu/layers/unpool_conv.h"
#include "cpu/layers/winograd_conv.h"
#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Conv {
  static constexpr const char* kName = "conv";
  static constexpr Runs kRuns = Runs::as_layer;
  static constexpr int kMaxKernel = 7;

  int input = kNone;
  int codes = kNone;  // the input is unpooled with these, unless there are none
  int add = kNone;    // added to the unpooled input, unless there is none
  int output = kNone;
  int kernel = 0;
  bool relu = false;
  bool quantized = false;     // the input is
  bool same_steps = false;    // of the input and what is added
  std::vector<float> weight;  // [out channel][in channel][ky][kx]
  Int8Tensor int8_weight;     // in its place where they are whole numbers, as those of the input; scales: of products
  std::vector<float> bias;    // [out channel]

  bool unpools() const { return codes != kNone; }
  bool adds() const { return add != kNone; }

  static Conv parse(const Json& json, Parser& parser);
  void check_sum(const Json& json, const Parser& parser) const;
  std::vector<Read> reads() const {
    const int radius = kernel / 2;
    if (!unpools()) return {{input, Reach::around(radius), kFourLanes + kLanes, WinogradConv::border(kernel)}};
    const Reach cells = Reach::cells_around(radius);
    std::vector<Read> reads = {{input, cells, kLanes, unpool_reach(kernel)},
                               {codes, cells, kLanes, unpool_reach(kernel)}};
    if (adds()) reads.push_back({add, Reach::around(radius), kLanes, WinogradConv::border(kernel)});
    return reads;
  }
  std::vector<Write> writes() const { return {{output, kLanes, unpools() || quantized ? 0 : kLanes, true}}; }
};

}  // namespace dim::cpu
