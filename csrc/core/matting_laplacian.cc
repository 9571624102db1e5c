#include "core/matting_laplacian.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/wider_vectors.h"

namespace dim {
namespace {

constexpr int kPixels = 9;  // of a window
constexpr int kChannels = 3;

/// The plane that holds the entries of pixels and of those (dy, dx) further: 0 is the pixel itself, the others are in
/// the order of the pixels.
constexpr int plane_of(int dy, int dx) { return dy == 0 ? dx : 5 * dy + dx; }

/// What the windows of a row share: for each of their pixels and channels a value for each window.
struct WindowRow {
  explicit WindowRow(int windows) : count(windows), colors(27 * size()), weighted(27 * size()) {}

  std::size_t size() const { return static_cast<std::size_t>(count); }
  float* color(int pixel, int channel) { return part(colors, pixel, channel); }
  float* weighed(int pixel, int channel) { return part(weighted, pixel, channel); }
  float* part(std::vector<float>& of, int pixel, int channel) {
    return of.data() + static_cast<std::size_t>(kChannels * pixel + channel) * size();
  }

  int count;
  std::vector<float> colors;    // less the window's mean
  std::vector<float> weighted;  // the same times the inverse of their covariance
};

using Vector = std::array<double, kChannels>;

/// The inverse of a symmetric 3×3 matrix, whose upper triangle is given by rows, times vectors. In double: of gray
/// pictures the matrix is all but singular.
class Inverse {
 public:
  explicit Inverse(const double (&m)[6])
      : xx_(m[3] * m[5] - m[4] * m[4]),
        xy_(m[2] * m[4] - m[1] * m[5]),
        xz_(m[1] * m[4] - m[2] * m[3]),
        yy_(m[0] * m[5] - m[2] * m[2]),
        yz_(m[1] * m[2] - m[0] * m[4]),
        zz_(m[0] * m[3] - m[1] * m[1]),
        scale_(1.0 / (m[0] * xx_ + m[1] * xy_ + m[2] * xz_)) {}

  Vector times(const Vector& v) const {
    return {scale_ * (xx_ * v[0] + xy_ * v[1] + xz_ * v[2]), scale_ * (xy_ * v[0] + yy_ * v[1] + yz_ * v[2]),
            scale_ * (xz_ * v[0] + yz_ * v[1] + zz_ * v[2])};
  }

 private:
  double xx_, xy_, xz_, yy_, yz_, zz_, scale_;
};

/// `rgb`: of the window's pixels.
void add_window(const std::array<Vector, kPixels>& rgb, double epsilon, int i, WindowRow* row) {
  Vector mean{};
  for (const Vector& pixel : rgb)
    for (std::size_t c = 0; c < kChannels; ++c) mean[c] += pixel[c] / kPixels;
  std::array<Vector, kPixels> centered;
  double covariance[6] = {epsilon / kPixels, 0, 0, epsilon / kPixels, 0, epsilon / kPixels};
  for (std::size_t p = 0; p < kPixels; ++p) {
    for (std::size_t c = 0; c < kChannels; ++c) centered[p][c] = rgb[p][c] - mean[c];
    for (std::size_t a = 0, k = 0; a < kChannels; ++a)
      for (std::size_t b = a; b < kChannels; ++b, ++k) covariance[k] += centered[p][a] * centered[p][b] / kPixels;
  }
  const Inverse inverse(covariance);
  for (int p = 0; p < kPixels; ++p) {
    const Vector& color = centered[static_cast<std::size_t>(p)];
    const Vector weighed = inverse.times(color);
    for (int c = 0; c < kChannels; ++c) {
      row->color(p, c)[i] = static_cast<float>(color[static_cast<std::size_t>(c)]);
      row->weighed(p, c)[i] = static_cast<float>(weighed[static_cast<std::size_t>(c)]);
    }
  }
}

/// A row's part of a product: five entries and as many neighbours for each pixel.
DIM_WIDER_VECTORS void add_products(const float* const (&entries)[5], const float* in, int count, bool is_first,
                                    float* out) {
  const float *a = entries[0], *b = entries[1], *c = entries[2], *d = entries[3], *e = entries[4];
  if (is_first) {
#pragma omp simd
    for (int x = 0; x < count; ++x)
      out[x] = a[x] * in[x - 2] + b[x] * in[x - 1] + c[x] * in[x] + d[x] * in[x + 1] + e[x] * in[x + 2];
  } else {
#pragma omp simd
    for (int x = 0; x < count; ++x)
      out[x] += a[x] * in[x - 2] + b[x] * in[x - 1] + c[x] * in[x] + d[x] * in[x + 1] + e[x] * in[x + 2];
  }
}

/// What two pixels of each window contribute to the entry between them.
DIM_WIDER_VECTORS void add_pair(const float* const (&p)[3], const float* const (&q)[3], float own, int count,
                                float* out) {
  const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *q0 = q[0], *q1 = q[1], *q2 = q[2];
#pragma omp simd
  for (int i = 0; i < count; ++i)
    out[i] += own - (1.0f + p0[i] * q0[i] + p1[i] * q1[i] + p2[i] * q2[i]) * (1.0f / kPixels);
}

}  // namespace

MattingLaplacian::MattingLaplacian(const ImageView& image, const Window& window, double epsilon)
    : window_(window), stride_(window.size.width + 2 * kMargin), values_(floats(window.size)) {
  const int last = std::min(window.bottom() + 1, image.size.height - 1);
  for (int y = std::max(1, window.top - kReach - 1); y < last; ++y) add_windows(image, y, epsilon);
}

std::size_t MattingLaplacian::floats(Size size) {
  return static_cast<std::size_t>(size.height + kMargin + 2) * static_cast<std::size_t>(size.width + 2 * kMargin) *
         kPlanes;
}

/// Adds what the windows around the pixels of row `y` contribute.
void MattingLaplacian::add_windows(const ImageView& image, int y, double epsilon) {
  const int first = std::max(1, window_.left - kReach - 1);
  const int end = std::min(window_.right() + kReach + 1, image.size.width - 1);
  if (first >= end) return;
  WindowRow row(end - first);
  for (int x = first; x < end; ++x) {
    std::array<Vector, kPixels> rgb;
    for (int p = 0; p < kPixels; ++p) {
      const std::uint8_t* pixel = image.pixel(y + p / 3 - 1, x + p % 3 - 1);
      for (int c = 0; c < kChannels; ++c)
        rgb[static_cast<std::size_t>(p)][static_cast<std::size_t>(c)] = pixel[c * image.channel_stride_bytes] / 255.0;
    }
    add_window(rgb, epsilon, x - first, &row);
  }
  for (int p = 0; p < kPixels; ++p)
    for (int q = p; q < kPixels; ++q) {
      const int plane = plane_of(q / 3 - p / 3, q % 3 - p % 3);
      add_pair({row.color(p, 0), row.color(p, 1), row.color(p, 2)},
               {row.weighed(q, 0), row.weighed(q, 1), row.weighed(q, 2)}, p == q ? 1.0f : 0.0f, row.count,
               values_.data() + index(plane, y + p / 3 - 1, first + p % 3 - 1));
    }
}

MattingLaplacian::Entries MattingLaplacian::entries(int y, int x, int dy) const {
  Entries out;
  for (int dx = -kReach; dx <= kReach; ++dx) {
    const bool later = dy > 0 || (dy == 0 && dx >= 0);
    out.of[dx + kReach] =
        values_.data() + (later ? index(plane_of(dy, dx), y, x) : index(plane_of(-dy, -dx), y + dy, x + dx));
  }
  return out;
}

void MattingLaplacian::multiply(int y, Span span, const BorderedPlane& values, float* out) const {
  const int count = span.end - span.begin;
  for (int dy = -kReach; dy <= kReach; ++dy)
    add_products(entries(y, span.begin, dy).of, values.at(y + dy, span.begin), count, dy == -kReach, out);
}

void MattingLaplacian::absolute_sums(int y, Span span, float* out) const {
  const int count = span.end - span.begin;
  std::fill_n(out, count, 0.0f);
  for (int dy = -kReach; dy <= kReach; ++dy)
    for (const float* entry : entries(y, span.begin, dy).of)
      for (int x = 0; x < count; ++x) out[x] += std::fabs(entry[x]);
}

}  // namespace dim
