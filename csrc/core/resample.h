// Scaling as cv2.resize does it: half-pixel centres, borders repeated, no smoothing where pictures become smaller.
#pragma once

#include <functional>
#include <vector>

#include "base/size.h"

namespace dim {

enum class Interpolation { kNearest, kLinear, kCubic };

/// What each pixel of an axis is made of.
struct Taps {
  /// `fixed_point`: weights are whole numbers that sum up to kFixedOne, as OpenCV has them for uint8.
  Taps(int from, int to, Interpolation interpolation, bool fixed_point);

  static constexpr int kMost = 4;
  static constexpr int kFixedOne = 2048;

  int count;                  // source pixels for each: 1, 2 or 4
  std::vector<int> index;     // [to][count], ascending, within the source
  std::vector<float> weight;  // [to][count]
};

class Resampler {
 public:
  /// `whole_levels`: the values are those of uint8 pictures and so are the results, by OpenCV's fixed-point arithmetic;
  /// otherwise float32 in and out, which cubic interpolation may leave the range of.
  Resampler(Size from, Size to, int channels, Interpolation interpolation, bool whole_levels);

  using ReadRow = std::function<void(int y, float* row)>;         // fills the source's width · channels
  using WriteRow = std::function<void(int y, const float* row)>;  // gets the result's width · channels

  /// Rows [begin, end) of the result, in order. Safe to call from several threads at once.
  void rows(int begin, int end, const ReadRow& read, const WriteRow& write) const;

  /// The source rows, and columns, that make a row or column of the result.
  const Taps& vertical() const { return vertical_; }
  const Taps& horizontal() const { return horizontal_; }

 private:
  void across(const float* from, float* to) const;
  void down(const std::vector<const float*>& lines, const float* weights, float* to) const;

  Size from_, to_;
  int channels_;
  bool whole_levels_;
  Taps vertical_, horizontal_;
};

}  // namespace dim
