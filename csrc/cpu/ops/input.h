// The network's input: the picture's colors and, if the network takes one, a guide, which the preprocessor writes.
#pragma once

#include "core/preprocessing.h"
#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Input {
  static constexpr const char* kName = "input";
  static constexpr Runs kRuns = Runs::outside;

  int output = kNone;

  static Input parse(const Json& json, Parser& parser) {
    return {parser.write(json.at("output"), static_cast<int>(json.at("channels").integer(kColors, kColors + 1)), 0)};
  }
  std::vector<Read> reads() const { return {}; }
  std::vector<Write> writes() const { return {{output, kFourLanes}}; }
};

}  // namespace dim::cpu
