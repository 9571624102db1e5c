#include "core/foreground.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/denormals.h"
#include "base/thread_pool.h"
#include "core/foreground_levels.h"
#include "core/foreground_means.h"
#include "core/foreground_strips.h"

namespace dim {
namespace {

using namespace foreground;

constexpr int kStripRows = 48;  // of a level; what is computed twice is 16 rows of it

void from_unit(float value, float* out) { *out = value; }
void from_unit(float value, std::uint8_t* out) { *out = static_cast<std::uint8_t>(value * 255.0f + 0.5f); }

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
    strip.colors.close_row(c, y, span);
    strip.colors.close_row(c + kChannels, y, span);
  }
}

/// What a thread works with, or a strip where there are fewer: all its memory, so that it need not ask for more, which
/// could fail.
struct Desk {
  Desk(int max_rows, Size level) : strip(max_rows, level), scratch(level.width) {}

  Strip strip;
  Scratch scratch;
};

/// All iterations of a strip, for its rows [begin, end). Rows beside the strip that are not there count as equal to its
/// own: with every half of an iteration what that spoils is one row more, so with every half a row less is computed.
void relax(int begin, int end, int iterations, const ForegroundOptions& options, Desk* desk) {
  const Strip& strip = desk->strip;
  for (int half = 0; half < 2 * iterations; ++half) {
    const int around = 2 * iterations - 1 - half;  // so far what is computed now still has an effect
    const int last = std::min(strip.rows, end + around);
    int y = std::max(0, begin - around);
    if ((strip.top + y + half) % 2 != 0) ++y;
    for (; y < last; y += 2)
      for (const Span span : strip.mixed.of_row(y)) relax_span(strip, y, span, options, &desk->scratch);
  }
}

/// The row's mixed spans, and what lies between them, where alpha is 0 all along or 1 all along.
template <typename Mixed, typename Known>
void for_parts(const Strip& strip, int y, Mixed mixed, Known known) {
  int x = 0;
  for (const Span span : strip.mixed.of_row(y)) {
    if (x < span.begin) known(Span{x, span.begin});
    mixed(span);
    x = span.end;
  }
  if (x < strip.level.width) known(Span{x, strip.level.width});
}

/// Row `y` of a strip into the pictures of both layers. Where a layer is all that is seen it is the image itself.
template <typename T>
void write_row(const Strip& strip, int y, const ForegroundTask<T>& task, const Sources<T>& from) {
  const std::size_t first = static_cast<std::size_t>(strip.top + y) * static_cast<std::size_t>(task.size.width);
  const float* alpha = strip.alpha.row(0, y);
  const auto mixed = [&](Span span) {
    for (int c = 0; c < kChannels; ++c) {
      const float *f = strip.colors.row(c, y), *b = strip.colors.row(c + kChannels, y);
      for (int x = span.begin; x < span.end; ++x) {
        const std::size_t i = kChannels * (first + static_cast<std::size_t>(x)) + static_cast<std::size_t>(c);
        if (alpha[x] < 1.0f)
          from_unit(f[x], task.foreground + i);
        else
          task.foreground[i] = task.image[i];
        if (alpha[x] > 0.0f)
          from_unit(b[x], task.background + i);
        else
          task.background[i] = task.image[i];
      }
    }
  };
  const auto known = [&](Span span) {
    const bool is_foreground = alpha[span.begin] == 1.0f;
    const std::size_t begin = kChannels * (first + static_cast<std::size_t>(span.begin));
    const std::size_t count = kChannels * static_cast<std::size_t>(span.end - span.begin);
    std::copy_n(task.image + begin, count, (is_foreground ? task.foreground : task.background) + begin);
    T* hidden = (is_foreground ? task.background : task.foreground) + begin;
    const float* old[kChannels];
    for (int c = 0; c < kChannels; ++c) old[c] = from.previous(c + (is_foreground ? kChannels : 0), strip.top + y);
    T color[kChannels];
    for (int x = span.begin; x < span.end; ++x, hidden += kChannels) {
      if (x == span.begin || from.previous_x(x) != from.previous_x(x - 1))
        for (int c = 0; c < kChannels; ++c) from_unit(old[c][from.previous_x(x)], color + c);
      std::copy_n(color, kChannels, hidden);
    }
  };
  for_parts(strip, y, mixed, known);
}

/// Row `y` of a strip for the next level.
template <typename T>
void keep_row(const Strip& strip, int y, const Sources<T>& from, const Planes& colors) {
  const T* pixels = from.picture(strip.top + y);
  for (int plane = 0; plane < 2 * kChannels; ++plane) {
    float* to = colors.row(plane, strip.top + y);
    const auto mixed = [&](Span span) {
      std::copy(strip.colors.row(plane, y) + span.begin, strip.colors.row(plane, y) + span.end, to + span.begin);
    };
    const auto known = [&](Span span) {
      const bool is_foreground = strip.alpha.row(0, y)[span.begin] == 1.0f;
      const float* old = from.previous(plane, strip.top + y);
      const auto c = static_cast<std::size_t>(plane % kChannels);
      if (is_foreground == (plane < kChannels))
        for (int x = span.begin; x < span.end; ++x) to[x] = to_unit(pixels[kChannels * from.picture_x(x) + c]);
      else
        for (int x = span.begin; x < span.end; ++x) to[x] = old[from.previous_x(x)];
    };
    for_parts(strip, y, mixed, known);
  }
}

/// Computes a level strip by strip, each with as many rows around it as its iterations spoil, so that threads need not
/// wait for each other; `finish(strip, y, from)` gets each row of the level once.
template <typename T, typename Finish>
void run_level(const ForegroundTask<T>& task, const Planes& previous, Size size, const ForegroundOptions& options,
               ThreadPool& pool, Finish finish) {
  const bool small = size.height <= options.small_size && size.width <= options.small_size;
  const int iterations = small ? options.small_iterations : options.large_iterations;
  const int halo = 2 * iterations, height = small ? size.height : kStripRows;
  const int strips = (size.height + height - 1) / height;
  const Sources<T> from(task, previous, size);
  const bool few = strips <= pool.threads();  // then a desk is a strip's
  std::vector<Desk> desks;
  for (int i = 0; i < (few ? strips : pool.threads()); ++i)
    desks.emplace_back(std::min(size.height, height + 2 * halo), size);
  pool.run(strips, [&](int i, int thread) {
    Desk& desk = desks[static_cast<std::size_t>(few ? i : thread)];
    const Strip& strip = desk.strip;
    const int begin = i * height, end = std::min(size.height, begin + height);
    from.load(std::max(0, begin - halo), std::min(size.height, end + halo), halo, &desk.strip);
    relax(begin - strip.top, end - strip.top, iterations, options, &desk);
    for (int y = begin - strip.top; y < end - strip.top; ++y) finish(strip, y, from);
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
    run_level(task, colors, size, options, pool,
              [&](const Strip& strip, int y, const Sources<T>& from) { keep_row(strip, y, from, finer); });
    colors = std::move(finer);
  }
  run_level(task, colors, task.size, options, pool,
            [&](const Strip& strip, int y, const Sources<T>& from) { write_row(strip, y, task, from); });
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
