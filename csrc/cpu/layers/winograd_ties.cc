#include "cpu/layers/winograd_ties.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace dim::cpu {
namespace {

constexpr int kTaps = 3;

/// The nine pixels of input that an output pixel depends on.
struct Neighbourhood {
  const float* data;  // upper left one, first block
  std::ptrdiff_t row_stride, block_stride;
  int blocks;

  /// Whether those of the first `rows` and `columns` equal what lies `to` further.
  bool equal(std::ptrdiff_t to, int rows, int columns) const {
    for (int b = 0; b < blocks; ++b)
      for (int y = 0; y < rows; ++y) {
        const float* at = data + b * block_stride + y * row_stride;
        if (std::memcmp(at, at + to, static_cast<std::size_t>(columns * kLanes) * sizeof(float)) != 0) return false;
      }
    return true;
  }
  bool is_tied() const { return equal(2 * kLanes, kTaps, 1) || equal(2 * row_stride, 1, kTaps); }
  bool may_be_tied() const {
    const float* middle = data + row_stride + kLanes;
    return may_equal(middle - kLanes, middle + kLanes) || may_equal(middle - row_stride, middle + row_stride);
  }

 private:
  /// By the first four lanes, without a branch: nearly all pixels of photographs differ.
  static bool may_equal(const float* a, const float* b) {
    std::uint64_t x[2], y[2];
    std::memcpy(x, a, sizeof x);
    std::memcpy(y, b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
};

using Iterator = std::vector<Ties::Pixel>::const_iterator;

/// The pixel at (y, x), or `end`.
Iterator pixel_at(Iterator begin, Iterator end, int y, int x) {
  const Iterator found =
      std::lower_bound(begin, end, Ties::Pixel{y, x, 0},
                       [](const Ties::Pixel& a, const Ties::Pixel& b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  return found != end && found->y == y && found->x == x ? found : end;
}

/// Patches with pixels inside the map that are none of these.
Batch patches_without(const std::vector<Ties::Pixel>& pixels, const Batch& batch, Size patch, Size inside) {
  Batch others;
  Iterator pixel = pixels.begin();
  for (const Piece& piece : batch.pieces) {
    std::vector<int> tied(static_cast<std::size_t>(piece.x1 - piece.x0));
    for (; pixel != pixels.end() && is_in(*pixel, piece, patch); ++pixel)
      ++tied[static_cast<std::size_t>(pixel->x / patch.width - piece.x0)];
    const int rows = std::min(patch.height, inside.height - piece.y * patch.height);
    bool continues = false;
    for (int x = piece.x0; x < piece.x1; ++x) {
      const int columns = std::min(patch.width, inside.width - x * patch.width);
      const bool has_others = tied[static_cast<std::size_t>(x - piece.x0)] < rows * columns;
      if (has_others && !continues) others.pieces.push_back({piece.y, x, x});
      if (has_others) ++others.pieces.back().x1, ++others.cells;
      continues = has_others;
    }
  }
  return others;
}

}  // namespace

bool is_in(const Ties::Pixel& pixel, const Piece& piece, Size patch) {
  return pixel.y / patch.height == piece.y && pixel.x / patch.width >= piece.x0 && pixel.x / patch.width < piece.x1;
}

Ties find_ties(const FloatMap& input, const Batch& batch, Size patch) {
  const MapLayout& layout = input.layout;
  const std::ptrdiff_t row_stride = layout.row_stride();
  Ties ties;
  for (const Piece& piece : batch.pieces) {
    const auto first = static_cast<std::ptrdiff_t>(ties.pixels.size());
    const int x1 = std::min(piece.x1 * patch.width, layout.size.width);
    const int y1 = std::min((piece.y + 1) * patch.height, layout.size.height);
    for (int y = piece.y * patch.height; y < y1; ++y) {
      Neighbourhood nine = {input.at(0, y - 1, piece.x0 * patch.width - 1), row_stride, layout.block_stride(),
                            layout.blocks()};
      for (int x = piece.x0 * patch.width; x < x1; ++x, nine.data += kLanes) {
        if (!nine.may_be_tied() || !nine.is_tied()) continue;
        const auto equal = [&](int at_y, int at_x, std::ptrdiff_t to) {
          const Iterator found = pixel_at(ties.pixels.begin() + first, ties.pixels.end(), at_y, at_x);
          return found != ties.pixels.end() && nine.equal(to, kTaps, kTaps) ? found->value : -1;
        };
        int value = equal(y, x - 1, -kLanes);
        if (value < 0) value = equal(y - 1, x, -row_stride);
        if (value < 0) {
          value = static_cast<int>(ties.values.size());
          ties.values.push_back(nine.data);
        }
        ties.pixels.push_back({y, x, value});
      }
    }
  }
  if (!ties.pixels.empty()) ties.others = patches_without(ties.pixels, batch, patch, layout.size);
  return ties;
}

void Ties::gather(const FloatMap& input, int first, int count, float* output) const {
  for (int b = 0; b < input.layout.blocks(); ++b)
    for (int ky = 0; ky < kTaps; ++ky)
      for (int kx = 0; kx < kTaps; ++kx)
        for (int i = first; i < first + count; ++i, output += kLanes) {
          const float* nine = values[static_cast<std::size_t>(i)] + b * input.layout.block_stride();
          std::copy_n(nine + ky * input.layout.row_stride() + kx * kLanes, kLanes, output);
        }
}

}  // namespace dim::cpu
