#include "core/foreground.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/denormals.h"
#include "base/thread_pool.h"
#include "core/foreground_levels.h"

namespace dim {
namespace {

using namespace foreground;

constexpr float kSureForeground = 0.9f;  // pixels above it make the first guess of the foreground's color
constexpr float kSureBackground = 0.1f;
constexpr int kStripRows = 48;  // of a level; what is computed twice is 16 rows of it

void from_unit(float value, float* out) { *out = value; }
void from_unit(float value, std::uint8_t* out) { *out = static_cast<std::uint8_t>(value * 255.0f + 0.5f); }

using Colors = std::array<float, 2 * kChannels>;

/// Weighted sums over a row or the picture: colors and weight of foreground and background.
struct Sums {
  std::array<double, 2 * kChannels> colors{};
  std::array<double, 2> weight{};

  void add(int layer, double w, const double* rgb) {
    for (int c = 0; c < kChannels; ++c) colors[static_cast<std::size_t>(layer * kChannels + c)] += w * rgb[c];
    weight[static_cast<std::size_t>(layer)] += w;
  }
};

/// Mean colors of what is surely foreground and surely background; where no pixel is, of all weighted by alpha, and
/// where alpha is 0 (or 1) everywhere, of the picture. Summed row by row, so that threads change nothing.
template <typename T>
Colors mean_colors(const ForegroundTask<T>& task, ThreadPool& pool) {
  std::vector<std::array<Sums, 3>> rows(static_cast<std::size_t>(task.size.height));  // sure, by alpha, all
  pool.run(task.size.height, [&](int y, int) {
    auto& [sure, weighted, all] = rows[static_cast<std::size_t>(y)];
    const std::size_t first = static_cast<std::size_t>(y) * static_cast<std::size_t>(task.size.width);
    for (std::size_t i = first; i < first + static_cast<std::size_t>(task.size.width); ++i) {
      const T* pixel = task.image + kChannels * i;
      const float a = task.alpha[i];
      const double rgb[kChannels] = {to_unit(pixel[0]), to_unit(pixel[1]), to_unit(pixel[2])};
      if (a > kSureForeground) sure.add(0, 1, rgb);
      if (a < kSureBackground) sure.add(1, 1, rgb);
      weighted.add(0, a, rgb);
      weighted.add(1, 1 - a, rgb);
      all.add(0, 1, rgb);
      all.add(1, 1, rgb);
    }
  });
  std::array<Sums, 3> total;
  for (const auto& row : rows)
    for (std::size_t kind = 0; kind < 3; ++kind) {
      for (std::size_t c = 0; c < 2 * kChannels; ++c) total[kind].colors[c] += row[kind].colors[c];
      for (std::size_t layer = 0; layer < 2; ++layer) total[kind].weight[layer] += row[kind].weight[layer];
    }
  Colors mean;
  for (std::size_t c = 0; c < 2 * kChannels; ++c) {
    std::size_t kind = 0;
    while (!(total[kind].weight[c / kChannels] > 0)) ++kind;  // the last one holds every pixel
    mean[c] = static_cast<float>(total[kind].colors[c] / total[kind].weight[c / kChannels]);
  }
  return mean;
}

/// What a row's pixels share between channels, and its new colors before they replace the old ones.
struct Scratch {
  explicit Scratch(int width) : size(static_cast<std::size_t>(width)), values(9 * size) {}
  float* part(int i) { return values.data() + static_cast<std::size_t>(i) * size; }

  std::size_t size;
  std::vector<float> values;
};

/// Weights of the left, right, upper and lower neighbour, with sum 1 (parts 0 to 3), and the step along the residual
/// (part 4): with S the sum of the paper's weights, 1 / (S + alpha² + (1 - alpha)²).
void weigh_span(const Strip& strip, int y, int above, int below, Span span, const ForegroundOptions& options,
                Scratch* scratch) {
  const float *a = strip.alpha.row(0, y), *up = strip.alpha.row(0, above), *down = strip.alpha.row(0, below);
  float *to_left = scratch->part(0), *to_right = scratch->part(1), *to_up = scratch->part(2);
  float *to_down = scratch->part(3), *step = scratch->part(4);
  const float base = options.regularization, slope = options.gradient_weight;
#pragma omp simd
  for (int x = span.begin; x < span.end; ++x) {
    const float here = a[x], rest = 1.0f - here;
    const float l = base + slope * std::fabs(here - a[x - 1]), r = base + slope * std::fabs(here - a[x + 1]);
    const float u = base + slope * std::fabs(here - up[x]), d = base + slope * std::fabs(here - down[x]);
    const float sum = l + r + u + d, scale = 1.0f / sum;
    to_left[x] = l * scale;
    to_right[x] = r * scale;
    to_up[x] = u * scale;
    to_down[x] = d * scale;
    step[x] = 1.0f / (sum + here * here + rest * rest);
  }
}

/// The colors of a part of a row that minimise the paper's local cost with the neighbours' held. Of the 2×2
/// system only the form is ours: with f and b the neighbours' weighted means and r = image - alpha f - (1 - alpha) b,
///   F = f + alpha r / (S + alpha² + (1 - alpha)²),  B = b + (1 - alpha) r / (S + alpha² + (1 - alpha)²),
/// which has no difference of products that cancels where S is small. The row above and the row below are of the other
/// parity; in the row itself all pixels see their neighbours' old colors. So rows of a parity are independent.
void relax_span(const Strip& strip, int y, Span span, const ForegroundOptions& options, Scratch* scratch) {
  const int above = std::max(y - 1, 0), below = std::min(y + 1, strip.rows - 1);
  weigh_span(strip, y, above, below, span, options, scratch);
  const float *to_left = scratch->part(0), *to_right = scratch->part(1), *to_up = scratch->part(2);
  const float *to_down = scratch->part(3), *step = scratch->part(4), *a = strip.alpha.row(0, y);
  float *new_f = scratch->part(5), *new_b = scratch->part(6);
  for (int c = 0; c < kChannels; ++c) {
    float *f = strip.colors.row(c, y), *b = strip.colors.row(c + kChannels, y);
    const float *f_up = strip.colors.row(c, above), *f_down = strip.colors.row(c, below);
    const float *b_up = strip.colors.row(c + kChannels, above), *b_down = strip.colors.row(c + kChannels, below);
    const float* image = strip.image.row(c, y);
#pragma omp simd
    for (int x = span.begin; x < span.end; ++x) {
      const float mean_f = to_left[x] * f[x - 1] + to_right[x] * f[x + 1] + to_up[x] * f_up[x] + to_down[x] * f_down[x];
      const float mean_b = to_left[x] * b[x - 1] + to_right[x] * b[x + 1] + to_up[x] * b_up[x] + to_down[x] * b_down[x];
      const float rest = 1.0f - a[x];
      const float residual = (image[x] - a[x] * mean_f - rest * mean_b) * step[x];
      new_f[x] = std::min(std::max(mean_f + a[x] * residual, 0.0f), 1.0f);
      new_b[x] = std::min(std::max(mean_b + rest * residual, 0.0f), 1.0f);
    }
    std::copy(new_f + span.begin, new_f + span.end, f + span.begin);
    std::copy(new_b + span.begin, new_b + span.end, b + span.begin);
    strip.colors.close_row(c, y);
    strip.colors.close_row(c + kChannels, y);
  }
}

/// What a thread works with, or a strip where there are fewer: all its memory, so that it need not ask for more, which
/// could fail.
struct Desk {
  Desk(int max_rows, Size level) : strip(max_rows, level), mixed(max_rows, level.width), scratch(level.width) {}

  Strip strip;
  MixedSpans mixed;
  Scratch scratch;
};

/// All iterations of a strip. Rows beside it that are not there count as equal to its own: with every half of an
/// iteration what that spoils is one row more.
void relax(int iterations, const ForegroundOptions& options, Desk* desk) {
  const Strip& strip = desk->strip;
  desk->mixed.find(strip, 2 * iterations);
  for (int half = 0; half < 2 * iterations; ++half)
    for (int y = (strip.top + half) % 2; y < strip.rows; y += 2)
      for (const Span span : desk->mixed.of_row(y)) relax_span(strip, y, span, options, &desk->scratch);
}

template <typename T>
void write_row(const Strip& strip, int y, const ForegroundTask<T>& task) {
  const std::size_t width = static_cast<std::size_t>(task.size.width);
  const std::size_t first = static_cast<std::size_t>(strip.top + y) * width;
  for (int c = 0; c < kChannels; ++c) {
    const float *f = strip.colors.row(c, y), *b = strip.colors.row(c + kChannels, y);
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t i = kChannels * (first + x) + static_cast<std::size_t>(c);
      const float alpha = task.alpha[first + x];
      if (alpha < 1.0f)
        from_unit(f[x], task.foreground + i);
      else
        task.foreground[i] = task.image[i];
      if (alpha > 0.0f)
        from_unit(b[x], task.background + i);
      else
        task.background[i] = task.image[i];
    }
  }
}

void keep_row(const Strip& strip, int y, const Planes& colors) {
  for (int plane = 0; plane < 2 * kChannels; ++plane)
    std::copy_n(strip.colors.row(plane, y), strip.level.width, colors.row(plane, strip.top + y));
}

/// Computes a level strip by strip, each with as many rows around it as its iterations spoil, so that threads need not
/// wait for each other; `finish(strip, y)` gets each row of the level once.
template <typename T, typename Finish>
void run_level(const ForegroundTask<T>& task, const Planes& previous, Size size, const ForegroundOptions& options,
               ThreadPool& pool, Finish finish) {
  const bool small = size.height <= options.small_size && size.width <= options.small_size;
  const int iterations = small ? options.small_iterations : options.large_iterations;
  const int halo = 2 * iterations, height = small ? size.height : kStripRows;
  const int strips = (size.height + height - 1) / height;
  const Sources sources(size, task.size, previous.size());
  const bool few = strips <= pool.threads();  // then a desk is a strip's
  std::vector<Desk> desks;
  for (int i = 0; i < (few ? strips : pool.threads()); ++i)
    desks.emplace_back(std::min(size.height, height + 2 * halo), size);
  pool.run(strips, [&](int i, int thread) {
    Desk& desk = desks[static_cast<std::size_t>(few ? i : thread)];
    const Strip& strip = desk.strip;
    const int begin = i * height, end = std::min(size.height, begin + height);
    load_strip(task, previous, sources, std::max(0, begin - halo), std::min(size.height, end + halo), &desk.strip);
    relax(iterations, options, &desk);
    for (int y = begin - strip.top; y < end - strip.top; ++y) finish(strip, y);
  });
}

}  // namespace

template <typename T>
void estimate_foreground(const ForegroundTask<T>& task, const ForegroundOptions& options, ThreadPool& pool) {
  const FlushDenormals flush;  // as in the pool's own threads
  const Colors mean = mean_colors(task, pool);
  Planes colors({1, 1}, 2 * kChannels);
  for (int plane = 0; plane < 2 * kChannels; ++plane) *colors.row(plane, 0) = mean[static_cast<std::size_t>(plane)];
  std::vector<Size> sizes = level_sizes(task.size);
  sizes.pop_back();  // the picture's own
  for (const Size& size : sizes) {
    Planes finer(size, 2 * kChannels);
    run_level(task, colors, size, options, pool, [&](const Strip& strip, int y) { keep_row(strip, y, finer); });
    colors = std::move(finer);
  }
  run_level(task, colors, task.size, options, pool, [&](const Strip& strip, int y) { write_row(strip, y, task); });
}

template <typename T>
void estimate_foreground(const ForegroundTask<T>& task, const ForegroundOptions& options, int threads) {
  ThreadPool pool(std::min(threads, (task.size.height + kStripRows - 1) / kStripRows));
  estimate_foreground(task, options, pool);
}

template void estimate_foreground(const ForegroundTask<float>&, const ForegroundOptions&, ThreadPool&);
template void estimate_foreground(const ForegroundTask<std::uint8_t>&, const ForegroundOptions&, ThreadPool&);
template void estimate_foreground(const ForegroundTask<float>&, const ForegroundOptions&, int);
template void estimate_foreground(const ForegroundTask<std::uint8_t>&, const ForegroundOptions&, int);

}  // namespace dim
