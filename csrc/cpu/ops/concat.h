// Channels of several maps, one after another.
#pragma once

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Concat {
  static constexpr const char* kName = "concat";
  static constexpr Runs kRuns = Runs::pixel_by_pixel;

  /// Some channels of a value.
  struct Part {
    int value = kNone;
    int first = 0;
    int count = 0;
  };
  std::vector<Part> parts;
  int channels = 0;  // of all
  int output = kNone;

  static Concat parse(const Json& json, Parser& parser) {
    Concat concat;
    int channels = 0;
    int level = kNone;
    for (const Json& input : json.at("inputs").array()) {
      Part part;
      part.value = parser.read(input.at("value"));
      const Value& in = parser.value(part.value);
      part.first = static_cast<int>(input.at("first").integer(0, in.channels - 1));
      part.count = static_cast<int>(input.at("count").integer(1, in.channels - part.first));
      if (level != kNone && level != in.level) Parser::fail(input, "the inputs have different sizes");
      level = in.level;
      channels += part.count;
      concat.parts.push_back(part);
    }
    if (channels == 0 || channels > kMaxChannels)
      Parser::fail(json,
                   "expected 1 to " + std::to_string(kMaxChannels) + " channels, got " + std::to_string(channels));
    concat.channels = channels;
    concat.output = parser.write(json.at("output"), channels, level);
    return concat;
  }
  std::vector<Read> reads() const {
    std::vector<Read> reads;
    for (const Part& part : parts) reads.push_back({part.value, Reach::same()});
    return reads;
  }
  std::vector<Write> writes() const {
    const int lanes = channels <= kFourLanes ? kFourLanes : kLanes;
    return {{output, lanes}};
  }

  void run(const PixelCall& call) const {
    const FloatMap to_map = call.map(output);
    std::vector<FloatMap> from_maps;
    for (const Part& part : parts) from_maps.push_back(call.map(part.value));
    call.for_spans_of_rows([&](int y, int begin, int end) {
      int channel = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const FloatMap& from_map = from_maps[i];
        for (int c = 0; c < parts[i].count; ++c, ++channel) {
          const float* from = from_map.channel(parts[i].first + c, y, begin);
          float* to = to_map.channel(channel, y, begin);
          for (int x = 0; x < end - begin; ++x) to[x * to_map.layout.lanes] = from[x * from_map.layout.lanes];
        }
      }
      for (; channel < to_map.layout.blocks() * to_map.layout.lanes; ++channel) {  // convolutions read whole blocks
        float* to = to_map.channel(channel, y, begin);
        for (int x = 0; x < end - begin; ++x) to[x * to_map.layout.lanes] = 0.0f;
      }
    });
  }
};

}  // namespace dim::cpu
