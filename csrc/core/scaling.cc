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

/// Picture and guide, if the network takes one, scaled into pixels of four numbers.
void scale_pictures(const ImageView& image, const ByteView& guide, const Preprocessing& settings, Size size, float* to,
                    ThreadPool& pool) {
  const Resize& resize = *settings.resize;
  const Resampler colors(image.size, size, 3, resize.img, resize.whole_levels);
  const Resampler marks(image.size, size, 1, resize.guide, resize.whole_levels);
  const std::array<std::uint8_t, 256> values = guide_values(settings.guide.value_or(Guide{}));
  const auto read_image = [&](int y, float* row) {
    for (int x = 0; x < image.size.width; ++x)
      for (int c = 0; c < 3; ++c) *row++ = image.pixel(y, x)[c * image.channel_stride_bytes];
  };
  const auto read_guide = [&](int y, float* row) {
    for (int x = 0; x < image.size.width; ++x) row[x] = values[guide.at(y, x)];
  };
  const auto write_image = [&](int y, const float* row) {
    float* pixel = to + at(y) * at(size.width) * 4;
    for (int x = 0; x < size.width; ++x, pixel += 4, row += 3) std::copy_n(row, 3, pixel);
  };
  const auto write_guide = [&](int y, const float* row) {
    float* pixel = to + at(y) * at(size.width) * 4;
    for (int x = 0; x < size.width; ++x) pixel[4 * x + 3] = row[x];
  };
  for_strips(size.height, pool, [&](int begin, int end) {
    colors.rows(begin, end, read_image, write_image);
    if (settings.guide) marks.rows(begin, end, read_guide, write_guide);
  });
}

/// For each row of the window whether any pixel of it is unknown. In `scaled`, of the scaled picture's size, every
/// pixel becomes unknown that an unknown pixel of the window is made of; the rest is left.
std::vector<char> find_wanted(const Wanted& wanted, const Resampler& back, std::uint8_t* scaled, int width) {
  const Taps &rows = back.vertical(), &columns = back.horizontal();
  const Window& window = wanted.window;
  std::vector<char> has_unknown(at(window.size.height), 0);
  std::vector<std::uint8_t> line(at(width));
  for (int y = window.top; y < window.bottom(); ++y) {
    char& has = has_unknown[at(y - window.top)];
    for (int x = window.left; x < window.right(); ++x) {
      if (!is_unknown(wanted.known.at(y, x))) continue;
      if (!has) std::fill(line.begin(), line.end(), kKnownZero);
      has = 1;
      for (int k = 0; k < columns.count; ++k) line[at(columns.index[at(x * columns.count + k)])] = kUnknown;
    }
    for (int k = 0; k < rows.count && has; ++k) {
      std::uint8_t* to = scaled + at(rows.index[at(y * rows.count + k)]) * at(width);
      for (std::size_t x = 0; x < line.size(); ++x) to[x] |= line[x];
    }
  }
  return has_unknown;
}

}  // namespace

Size network_size(const Preprocessing& settings, Size picture) {
  if (!settings.resize) return padded(picture, settings.stride);
  if (settings.resize->size) return *settings.resize->size;
  return {scaled_side(*settings.resize, settings.stride, picture.height),
          scaled_side(*settings.resize, settings.stride, picture.width)};
}

ScaledPicture::ScaledPicture(const Preprocessing& settings, const Inputs& inputs, const Wanted& wanted,
                             ThreadPool& pool)
    : size_(network_size(settings, inputs.image.size)),
      back_(size_, inputs.image.size, 1, settings.resize->alpha, false),
      pixels_(new float[4 * size_.area()]()) {
  const FlushDenormals flush;  // as in the pool's own threads
  scale_pictures(inputs.image, inputs.guide, settings, size_, pixels_.get(), pool);
  if (wanted.known.empty()) {
    has_unknown_.assign(at(wanted.window.size.height), 1);
  } else {
    wanted_.assign(size_.area(), kKnownZero);
    has_unknown_ = find_wanted(wanted, back_, wanted_.data(), size_.width);
  }
}

ImageView ScaledPicture::image() const {
  const std::ptrdiff_t width = size_.width;
  return {reinterpret_cast<const std::uint8_t*>(pixels_.get()), size_, 16 * width, 16, 4, Pixels::kInputs};
}

void ScaledPicture::write(const float* scaled, const Wanted& wanted, const MapView& map, ThreadPool& pool) const {
  const FlushDenormals flush;
  const Window& window = wanted.window;
  const ByteView known = part(wanted.known, window);
  const MapView to = part(map, window);
  const std::ptrdiff_t width = size_.width;
  const auto read = [&](int y, float* row) { std::copy_n(scaled + y * width, width, row); };
  const auto write = [&](int y, const float* row) {
    postprocess_row(known, y - window.top, row + window.left, 1, to, true);
  };
  for_strips(window.size.height, pool, [&](int begin, int end) {
    for (int y = begin; y < end;) {
      int next = y + 1;
      while (next < end && has_unknown_[at(next)] == has_unknown_[at(y)]) ++next;
      if (has_unknown_[at(y)])
        back_.rows(window.top + y, window.top + next, read, write);
      else
        for (int row = y; row < next; ++row) postprocess_row(known, row, nullptr, 0, to, true);
      y = next;
    }
  });
}

void Scaling::run(const Request& request, ThreadPool& pool, const std::function<void(const Request&)>& network) const {
  const ScaledPicture picture(settings_, request.inputs, request.wanted, pool);
  const std::unique_ptr<float[]> alpha(new float[picture.size().area()]);
  Request scaled = request;
  scaled.inputs = {picture.image(), {}};
  scaled.wanted = {whole(picture.size()), picture.wanted()};
  scaled.output = {{alpha.get(), picture.size(), 4 * std::ptrdiff_t{picture.size().width}, 4}, false};
  network(scaled);
  picture.write(alpha.get(), request.wanted, request.output.map, pool);
}

}  // namespace dim
