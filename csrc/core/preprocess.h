// Pictures to network input, the CPU way. The CUDA kernel of the same name computes the same values.
#pragma once

#include <array>

#include "core/image.h"
#include "core/preprocessing.h"

namespace dim {

/// Index of the pixel that reflection without repeating the border puts at `i` >= 0 of a row of `n` pixels,
/// as numpy.pad(mode="reflect"): n = 3 gives 0 1 2 1 0 1 …
int reflect_index(int i, int n);

/// What the network sees as guide, before it is scaled, by the guide's value.
std::array<std::uint8_t, 256> guide_values(const Guide& guide);

class Preprocessor {
 public:
  /// `image_is_rgb`: channel order of the pictures that will come.
  Preprocessor(const Preprocessing& settings, bool image_is_rgb);

  /// Row `y` of the filled-up input, `padded_width` pixels of (c0, c1, c2, guide), 16-byte pixels; the last is 0
  /// for a network without a guide.
  void row(const ImageView& image, const ByteView& guide, int y, int padded_width, float* out) const;

 private:
  void byte_pixels(const ImageView& image, const ByteView& guide, int y, int width, float* out) const;
  void input_pixel(const ImageView& image, int y, int x, float* out) const;

  std::array<std::array<float, 256>, 3> lookup_;  // by network channel and value
  std::array<int, 3> source_channel_;             // picture channel of each network channel
  std::array<float, 256> guide_lookup_;           // by the guide's value
  Preprocessing settings_;
};

}  // namespace dim
