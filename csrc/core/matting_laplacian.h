// The matting Laplacian of a part of a picture: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image
// Matting" (PAMI 2008), eq. 12, with windows of 3×3 pixels.
//
// A row of it has a pixel's 24 neighbours and itself. It is symmetric, so the 12 that come later, and the pixel itself,
// are all that is kept: planes of floats that a product walks along with the picture's rows.
#pragma once

#include <cstddef>
#include <vector>

#include "core/region.h"

namespace dim {

/// A value for each pixel of a window, and zeros around it.
class BorderedPlane {
 public:
  static constexpr int kBorder = 2;

  explicit BorderedPlane(const Window& window)
      : window_(window),
        stride_(window.size.width + 2 * kBorder),
        values_(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(window.size.height + 2 * kBorder)) {}

  const Window& window() const { return window_; }
  /// Pixel (y, x) of the picture; those to its right follow.
  float* at(int y, int x) { return values_.data() + index(y, x); }
  const float* at(int y, int x) const { return values_.data() + index(y, x); }
  void clear() { values_.assign(values_.size(), 0.0f); }

 private:
  std::ptrdiff_t index(int y, int x) const {
    return std::ptrdiff_t{y - window_.top + kBorder} * stride_ + (x - window_.left + kBorder);
  }

  Window window_;
  std::ptrdiff_t stride_;
  std::vector<float> values_;
};

class MattingLaplacian {
 public:
  /// Of the rows of the pixels in `window`. `epsilon` is the paper's, for colors in 0..1.
  MattingLaplacian(const ImageView& image, const Window& window, double epsilon);

  /// Memory that one for a window of this size takes.
  static std::size_t bytes(Size size) { return sizeof(float) * floats(size); }

  const Window& window() const { return window_; }
  /// The products of the Laplacian's rows for pixels [begin, end) of the window's row `y` with `values`.
  void multiply(int y, Span span, const BorderedPlane& values, float* out) const;
  /// The sums of absolute values in these rows, which bound the eigenvalues of the Laplacian divided by them: none is
  /// above 1 (Gershgorin).
  void absolute_sums(int y, Span span, float* out) const;

 private:
  static constexpr int kReach = 2;            // of a pixel's neighbours
  static constexpr int kMargin = kReach + 2;  // windows begin and end up to 2 pixels further
  static constexpr int kPlanes = 13;

  static std::size_t floats(Size size);
  void add_windows(const ImageView& image, int y, double epsilon);
  /// The entries of pixels from (y, x) on for their neighbours in row `y + dy`, from dx = -2 to 2.
  struct Entries {
    const float* of[2 * kReach + 1];
  };
  Entries entries(int y, int x, int dy) const;
  std::ptrdiff_t index(int plane, int y, int x) const {
    return (std::ptrdiff_t{y - window_.top + kMargin} * kPlanes + plane) * stride_ + (x - window_.left + kMargin);
  }

  Window window_;
  std::ptrdiff_t stride_;
  std::vector<float> values_;  // [row][plane][column], with margins whose entries are incomplete
};

}  // namespace dim
