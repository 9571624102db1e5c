#include "core/scaling.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/denormals.h"
#include "core/postprocess.h"
#include "core/preprocess.h"
#include "core/resample.h"

namespace dim {
namespace {

constexpr int kStripRows = 32;  // of a job for one thread

std::size_t at(int i) { return static_cast<std::size_t>(i); }

int scaled_side(const Resize& resize, int stride, int side) {
  const int rounded = (resize.up ? side + stride - 1 : std::max(side, stride)) / stride * stride;
  return resize.max_side > 0 ? std::min(rounded, resize.max_side) : rounded;
}

/// Calls `work(begin, end)` for strips of rows.
template <typename Work>
void for_strips(int height, ThreadPool& pool, const Work& work) {
  std::atomic<bool> out_of_memory{false};
  pool.run((height + kStripRows - 1) / kStripRows, [&](int strip, int /*thread*/) {
    try {
      work(strip * kStripRows, std::min(height, (strip + 1) * kStripRows));
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
}

/// Picture and trimap, scaled into pixels of four numbers.
void scale_pictures(const ImageView& image, const TrimapView& trimap, const Preprocessing& settings, Size size,
                    float* to, ThreadPool& pool) {
  const Resize& resize = *settings.resize;
  const Resampler colors(image.size, size, 3, resize.img, resize.whole_levels);
  const Resampler marks(image.size, size, 1, resize.trimap, resize.whole_levels);
  const std::array<std::uint8_t, 256> values = trimap_values(settings);
  const auto read_image = [&](int y, float* row) {
    for (int x = 0; x < image.size.width; ++x)
      for (int c = 0; c < 3; ++c) *row++ = image.pixel(y, x)[c * image.channel_stride_bytes];
  };
  const auto read_trimap = [&](int y, float* row) {
    for (int x = 0; x < image.size.width; ++x) row[x] = values[trimap.at(y, x)];
  };
  const auto write_image = [&](int y, const float* row) {
    float* pixel = to + at(y) * at(size.width) * 4;
    for (int x = 0; x < size.width; ++x, pixel += 4, row += 3) std::copy_n(row, 3, pixel);
  };
  const auto write_trimap = [&](int y, const float* row) {
    float* pixel = to + at(y) * at(size.width) * 4;
    for (int x = 0; x < size.width; ++x) pixel[4 * x + 3] = row[x];
  };
  for_strips(size.height, pool, [&](int begin, int end) {
    colors.rows(begin, end, read_image, write_image);
    marks.rows(begin, end, read_trimap, write_trimap);
  });
}

/// For each row of the picture whether any pixel of it is unknown. In `wanted`, the trimap of the scaled picture, every
/// pixel becomes unknown that an unknown pixel's alpha is made of; the rest is left.
std::vector<char> find_wanted(const TrimapView& trimap, const Resampler& back, std::uint8_t* wanted, int width) {
  const Taps &rows = back.vertical(), &columns = back.horizontal();
  std::vector<char> has_unknown(at(trimap.size.height), 0);
  std::vector<std::uint8_t> line(at(width));
  for (int y = 0; y < trimap.size.height; ++y) {
    for (int x = 0; x < trimap.size.width; ++x) {
      if (!is_unknown(trimap.at(y, x))) continue;
      if (!has_unknown[at(y)]) std::fill(line.begin(), line.end(), kBackground);
      has_unknown[at(y)] = 1;
      for (int k = 0; k < columns.count; ++k) line[at(columns.index[at(x * columns.count + k)])] = kUnknown;
    }
    for (int k = 0; k < rows.count && has_unknown[at(y)]; ++k) {
      std::uint8_t* to = wanted + at(rows.index[at(y * rows.count + k)]) * at(width);
      for (std::size_t x = 0; x < line.size(); ++x) to[x] |= line[x];
    }
  }
  return has_unknown;
}

}  // namespace

Size network_size(const Preprocessing& settings, Size picture) {
  if (!settings.resize) return padded(picture, settings.stride);
  return {scaled_side(*settings.resize, settings.stride, picture.height),
          scaled_side(*settings.resize, settings.stride, picture.width)};
}

ScaledPicture::ScaledPicture(const Preprocessing& settings, const ImageView& image, const TrimapView& trimap,
                             ThreadPool& pool)
    : size_(network_size(settings, image.size)),
      back_(size_, image.size, 1, settings.resize->alpha, false),
      pixels_(new float[4 * size_.area()]),
      wanted_(size_.area(), kBackground) {
  const FlushDenormals flush;  // as in the pool's own threads
  scale_pictures(image, trimap, settings, size_, pixels_.get(), pool);
  has_unknown_ = find_wanted(trimap, back_, wanted_.data(), size_.width);
}

ImageView ScaledPicture::image() const {
  const std::ptrdiff_t width = size_.width;
  return {reinterpret_cast<const std::uint8_t*>(pixels_.get()), size_, 16 * width, 16, 4, Pixels::kInputs};
}

void ScaledPicture::write(const float* scaled, const TrimapView& trimap, const AlphaView& alpha,
                          ThreadPool& pool) const {
  const FlushDenormals flush;
  const std::ptrdiff_t width = size_.width;
  const auto read = [&](int y, float* row) { std::copy_n(scaled + y * width, width, row); };
  const auto write = [&](int y, const float* row) { postprocess_row(trimap, y, row, 1, alpha, true); };
  for_strips(trimap.size.height, pool, [&](int begin, int end) {
    for (int y = begin; y < end;) {
      int next = y + 1;
      while (next < end && has_unknown_[at(next)] == has_unknown_[at(y)]) ++next;
      if (has_unknown_[at(y)])
        back_.rows(y, next, read, write);
      else
        for (int row = y; row < next; ++row) write(row, nullptr);
      y = next;
    }
  });
}

void Scaling::run(const Request& request, ThreadPool& pool, const std::function<void(const Request&)>& network) const {
  const ScaledPicture picture(settings_, request.image, request.trimap, pool);
  const std::unique_ptr<float[]> alpha(new float[picture.size().area()]);
  Request scaled = request;
  scaled.image = picture.image();
  scaled.trimap = picture.wanted();
  scaled.alpha = {alpha.get(), picture.size(), 4 * std::ptrdiff_t{picture.size().width}, 4};
  scaled.clamp = false;
  network(scaled);
  picture.write(alpha.get(), request.trimap, request.alpha, pool);
}

}  // namespace dim
