// Bilinear interpolation to another of the sizes that the padded picture can be halved to.
#pragma once

#include <algorithm>

#include "cpu/ops/operation.h"
#include "cpu/ops/parser.h"

namespace dim::cpu {

struct Resize {
  static constexpr const char* kName = "resize";
  static constexpr Runs kRuns = Runs::pixel_by_pixel;

  int input = kNone;
  int output = kNone;
  int levels = 0;  // the output is 2^levels as large
  bool align_corners = false;

  static Resize parse(const Json& json, Parser& parser) {
    Resize resize;
    resize.input = parser.read(json.at("input"));
    const Value in = parser.value(resize.input);
    const int level = static_cast<int>(json.at("level").integer(0, 16));
    if (parser.stride() % (1 << level) != 0) Parser::fail(json, "the padded size cannot be halved that often");
    resize.levels = in.level - level;
    const std::string& coordinates = json.at("coordinates").string();
    resize.align_corners = coordinates == "align_corners";
    if (!resize.align_corners && coordinates != "half_pixel")
      Parser::fail(json, "unknown coordinates '" + coordinates + "'; upgrade dim_trt or rebuild the plan");
    resize.output = parser.write(json.at("output"), in.channels, level);
    return resize;
  }
  Reach reach() const { return align_corners ? Reach::corner_to_corner() : Reach::interpolated(levels); }
  std::vector<Read> reads() const { return {{input, reach()}}; }
  std::vector<Write> writes() const { return {{output, kLanesOfInput}}; }

  void run(const PixelCall& call) const {
    const FloatMap from = call.map(input), to = call.map(output);
    const Size from_end = call.end(input), to_end = call.end(output);
    const Reach rows = reach().on(from_end.height, to_end.height), columns = reach().on(from_end.width, to_end.width);
    const int lanes = to.layout.lanes;
    const auto mix = [](float a, float b, float share) { return a + (b - a) * share; };
    call.for_spans_of_rows([&](int y, int begin, int end) {
      const int upper = inside(rows.first(y), from_end.height), lower = inside(rows.last(y), from_end.height);
      const float down = rows.beyond_first(y);
      for (int x = begin; x < end; ++x) {
        const int left = inside(columns.first(x), from_end.width), right = inside(columns.last(x), from_end.width);
        const float across = columns.beyond_first(x);
        for (int block = 0; block < to.layout.blocks(); ++block) {
          const float *upper_left = from.at(block, upper, left), *upper_right = from.at(block, upper, right);
          const float *lower_left = from.at(block, lower, left), *lower_right = from.at(block, lower, right);
          float* const out = to.at(block, y, x);
          for (int lane = 0; lane < lanes; ++lane)
            out[lane] = mix(mix(upper_left[lane], upper_right[lane], across),
                            mix(lower_left[lane], lower_right[lane], across), down);
        }
      }
    });
  }

 private:
  static int inside(int position, int side) { return std::clamp(position, 0, side - 1); }
};

}  // namespace dim::cpu
