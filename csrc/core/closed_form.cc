#include "core/closed_form.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/denormals.h"
#include "base/thread_pool.h"
#include "core/matting_laplacian.h"
#include "core/region.h"

namespace dim {
namespace {

constexpr int kStripRows = 16;
constexpr int kGap = 8;  // of known pixels in a strip, which may as well be computed
constexpr int kMostColumns = 128;

/// Rectangles of few rows that hold all unknown pixels of `area`.
std::vector<Window> find_patches(const ByteView& trimap, const Window& area) {
  std::vector<Window> patches;
  std::vector<char> has(static_cast<std::size_t>(area.right()) + 1);
  for (int top = area.top; top < area.bottom(); top += kStripRows) {
    const int bottom = std::min(top + kStripRows, area.bottom());
    std::fill(has.begin(), has.end(), char{0});
    for (int y = top; y < bottom; ++y)
      for (int x = area.left; x < area.right(); ++x)
        has[static_cast<std::size_t>(x)] |= static_cast<char>(is_unknown(trimap.at(y, x)));
    int begin = -1, end = -1;  // of the patch that grows
    for (int x = area.left; x <= area.right(); ++x) {
      const bool here = x < area.right() && has[static_cast<std::size_t>(x)] != 0;
      if (begin >= 0 && (x == area.right() || x - end >= kGap || x - begin >= kMostColumns)) {
        patches.push_back({top, begin, {bottom - top, end - begin}});
        begin = -1;
      }
      if (!here) continue;
      if (begin < 0) begin = x;
      end = x + 1;
    }
  }
  return patches;
}

/// From the first unknown pixel of a part of a row to the last.
Span unknown_span(const ByteView& trimap, int y, Span part) {
  while (part.begin < part.end && !is_unknown(trimap.at(y, part.begin))) ++part.begin;
  while (part.begin < part.end && !is_unknown(trimap.at(y, part.end - 1))) --part.end;
  return part;
}

/// Chebyshev's semi-iteration for eigenvalues from `smallest` to 1: the step's share of the last one and of the
/// residual.
class Steps {
 public:
  explicit Steps(float smallest) : center_((1 + smallest) / 2), radius_((1 - smallest) / 2), rho_(radius_ / center_) {}

  float first() const { return 1 / center_; }
  void advance() {
    const float rho = 1 / (2 * center_ / radius_ - rho_);
    last_ = rho * rho_, residual_ = 2 * rho / radius_;
    rho_ = rho;
  }
  float of_last() const { return last_; }
  float of_residual() const { return residual_; }

 private:
  float center_, radius_, rho_, last_ = 0, residual_ = 0;
};

/// The unknown pixels of a patch, and the known ones beside them, which keep still: their scale is 0.
class Patch {
 public:
  Patch(const ClosedFormTask& task, const Window& window, const BorderedPlane& guess, const ClosedFormOptions& options)
      : laplacian_(task.image, window, options.epsilon),
        alpha_(window.size.area()),
        residual_(alpha_.size()),
        prior_(alpha_.size()),
        scale_(alpha_.size()) {
    for (int y = window.top; y < window.bottom(); ++y) {
      spans_.push_back(unknown_span(task.trimap, y, {window.left, window.right()}));
      const Span span = spans_.back();
      float *scale = at(scale_, y, span.begin), *prior = at(prior_, y, span.begin);
      laplacian_.absolute_sums(y, span, scale);
      for (int x = span.begin; x < span.end; ++x, ++scale, ++prior) {
        const float sure = 2.0f * *guess.at(y, x) - 1.0f;
        *prior = options.prior_unsure + (options.prior - options.prior_unsure) * sure * sure;
        *scale = is_unknown(task.trimap.at(y, x)) ? 1.0f / (*scale + *prior) : 0.0f;
      }
    }
  }

  static std::size_t bytes(Size size) { return MattingLaplacian::bytes(size) + 4 * sizeof(float) * size.area(); }
  const Window& window() const { return laplacian_.window(); }

  /// From the guess on, which costs nothing itself.
  void begin(const BorderedPlane& guess, float share, BorderedPlane* step) {
    float product[kMostColumns];
    for (int y = window().top; y < window().bottom(); ++y) {
      const Span span = span_of(y);
      laplacian_.multiply(y, span, guess, product);
      const float *scale = at(scale_, y, span.begin), *from = guess.at(y, span.begin);
      float *alpha = at(alpha_, y, span.begin), *residual = at(residual_, y, span.begin);
      float* to = step->at(y, span.begin);
      for (int x = 0; x < span.end - span.begin; ++x) {
        alpha[x] = from[x];
        residual[x] = -scale[x] * product[x];
        to[x] = share * residual[x];
      }
    }
  }

  void iterate(const BorderedPlane& step, const Steps& steps, BorderedPlane* next) {
    const float of_last = steps.of_last(), of_residual = steps.of_residual();
    float product[kMostColumns];
    for (int y = window().top; y < window().bottom(); ++y) {
      const Span span = span_of(y);
      laplacian_.multiply(y, span, step, product);
      const float *scale = at(scale_, y, span.begin), *prior = at(prior_, y, span.begin);
      const float* from = step.at(y, span.begin);
      float *alpha = at(alpha_, y, span.begin), *residual = at(residual_, y, span.begin);
      float* to = next->at(y, span.begin);
#pragma omp simd
      for (int x = 0; x < span.end - span.begin; ++x) {
        alpha[x] += from[x];
        residual[x] -= scale[x] * (product[x] + prior[x] * from[x]);
        to[x] = of_last * from[x] + of_residual * residual[x];
      }
    }
  }

  void write(const ClosedFormTask& task, const Window& wanted) const {
    const Window part = overlap(window(), wanted);
    for (int y = part.top; y < part.bottom(); ++y)
      for (int x = part.left; x < part.right(); ++x)
        if (is_unknown(task.trimap.at(y, x))) task.alpha.at(y, x) = std::min(std::max(*at(alpha_, y, x), 0.0f), 1.0f);
  }

 private:
  Span span_of(int y) const { return spans_[static_cast<std::size_t>(y - window().top)]; }
  std::ptrdiff_t index(int y, int x) const {
    return std::ptrdiff_t{y - window().top} * window().size.width + (x - window().left);
  }
  float* at(std::vector<float>& values, int y, int x) { return values.data() + index(y, x); }
  const float* at(const std::vector<float>& values, int y, int x) const { return values.data() + index(y, x); }

  MattingLaplacian laplacian_;
  std::vector<float> alpha_, residual_, prior_, scale_;
  std::vector<Span> spans_;  // of each row, from its first unknown pixel to its last
};

void read_guess(const ClosedFormTask& task, BorderedPlane* to) {
  const Window& area = to->window();
  for (int y = area.top; y < area.bottom(); ++y)
    for (int x = area.left; x < area.right(); ++x) {
      const std::uint8_t known = task.trimap.at(y, x);
      *to->at(y, x) = is_unknown(known) ? task.guess.at(y, x) : known == kKnownOne ? 1.0f : 0.0f;
    }
}

void solve_at_once(const ClosedFormTask& task, const Window& seen, const std::vector<Window>& windows, ThreadPool& pool,
                   const ClosedFormOptions& options) {
  const auto count = static_cast<int>(windows.size());
  std::vector<std::unique_ptr<Patch>> patches(windows.size());
  BorderedPlane now(seen), next(seen);
  read_guess(task, &next);
  Steps steps(options.smallest_eigenvalue);
  std::atomic<bool> out_of_memory{false};
  pool.run(count, [&](int i, int /*thread*/) {
    const auto at = static_cast<std::size_t>(i);
    try {
      patches[at] = std::make_unique<Patch>(task, windows[at], next, options);
      patches[at]->begin(next, steps.first(), &now);
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
  next.clear();  // known pixels take no step
  for (int i = 0; i < options.iterations; ++i) {
    steps.advance();
    pool.run(count,
             [&](int patch, int /*thread*/) { patches[static_cast<std::size_t>(patch)]->iterate(now, steps, &next); });
    std::swap(now, next);
  }
  for (const std::unique_ptr<Patch>& patch : patches) patch->write(task, task.wanted);
}

void solve(const ClosedFormTask& task, std::size_t most_bytes, ThreadPool& pool, const ClosedFormOptions& options) {
  const Window unknown = unknown_window(task.trimap, task.wanted);
  if (unknown.empty()) return;
  ClosedFormTask smaller = task;
  smaller.wanted = unknown;
  const Window seen = seen_by_closed_form(unknown, task.image.size, options);
  const std::vector<Window> patches = find_patches(task.trimap, seen);
  std::size_t bytes = 2 * sizeof(float) * seen.size.area();
  for (const Window& patch : patches) bytes += Patch::bytes(patch.size);
  const Size size = unknown.size;
  if (most_bytes == 0 || bytes <= most_bytes || std::max(size.height, size.width) == 1)
    return solve_at_once(smaller, seen, patches, pool, options);
  const Size half = size.height > size.width ? Size{size.height / 2, size.width} : Size{size.height, size.width / 2};
  smaller.wanted = {unknown.top, unknown.left, half};
  solve(smaller, most_bytes, pool, options);
  for (const Window& rest : around(smaller.wanted, unknown)) {
    if (rest.empty()) continue;
    smaller.wanted = rest;
    solve(smaller, most_bytes, pool, options);
  }
}

}  // namespace

int closed_form_reach(const ClosedFormOptions& options) { return 2 * options.iterations; }

Window seen_by_closed_form(const Window& wanted, Size picture, const ClosedFormOptions& options) {
  const int reach = closed_form_reach(options);
  const Size size = {wanted.size.height + 2 * reach, wanted.size.width + 2 * reach};
  return overlap({wanted.top - reach, wanted.left - reach, size}, whole(picture));
}

void solve_closed_form(const ClosedFormTask& task, std::size_t most_bytes, ThreadPool& pool,
                       const ClosedFormOptions& options) {
  const FlushDenormals flush;  // as in the pool's own threads
  solve(task, most_bytes, pool, options);
}

}  // namespace dim
