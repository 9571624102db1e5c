#include "core/tiling.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace dim {
namespace {

int rounded_up(int value, int step) { return (value + step - 1) / step * step; }

/// The longest side of a window for `wanted` pixels, wherever they lie.
int window_side(int wanted, int picture, int least, const TileRules& rules) {
  const int inside = rounded_up(wanted + 2 * rules.halo_px + rules.stride - 1, rules.stride);
  const int at_the_end = 3 * rules.stride;  // what the padding reflects must be in the window
  return std::min(rounded_up(picture, rules.stride),
                  std::max({inside, at_the_end, rounded_up(least + rules.stride - 1, rules.stride)}));
}

Size window_size(Size wanted, Size picture, const TileRules& rules) {
  return {window_side(wanted.height, picture.height, rules.least.height, rules),
          window_side(wanted.width, picture.width, rules.least.width, rules)};
}

/// A side of an area cut into cells, each as long as its window allows.
struct Cuts {
  std::vector<int> at;       // where cells begin, and where the last one ends
  std::int64_t windows = 0;  // the lengths of all windows together
};

Cuts cut(int first, int end, int picture, int window, const TileRules& rules) {
  Cuts cuts;
  for (int begin = first; begin < end;) {
    cuts.at.push_back(begin);
    const int top = std::max(0, begin - rules.halo_px) / rules.stride * rules.stride, bottom = top + window;
    begin = bottom >= picture ? end : std::min(end, bottom - rules.halo_px);
    cuts.windows += std::min(picture, rounded_up(begin + rules.halo_px, rules.stride)) - top;
  }
  cuts.at.push_back(end);
  return cuts;
}

struct Grid {
  Cuts rows, columns;
};

/// The grid whose windows have the least pixels together.
Grid choose_grid(const Window& area, Size picture, const TileRules& rules) {
  const int step = rules.stride;
  const Size least = window_size({1, 1}, picture, rules), most = window_size(area.size, picture, rules);
  Grid best;
  int height = most.height;
  for (int width = least.width; width <= most.width; width += step) {  // the wider, the lower
    while (height > least.height && !rules.fits({height, width})) height -= step;
    if (!rules.fits({height, width})) break;
    Grid grid = {cut(area.top, area.bottom(), picture.height, height, rules),
                 cut(area.left, area.right(), picture.width, width, rules)};
    if (best.rows.at.empty() || grid.rows.windows * grid.columns.windows < best.rows.windows * best.columns.windows)
      best = std::move(grid);
  }
  if (best.rows.at.empty()) throw Error("tiles: not even one of " + to_string(least) + " px can be run at once");
  return best;
}

/// Lengthens a side of a window to `least` pixels, or to all that the picture has.
void lengthen(int* first, int* length, int picture, int least, int stride) {
  const int end = std::max(*first + *length, std::min(picture, *first + rounded_up(least, stride)));
  *first = std::min(*first, std::max(0, end - least) / stride * stride);
  *length = end - *first;
}

Tile tile_of(const Window& wanted, Size picture, const TileRules& rules) {
  Window window = network_window(wanted, picture, rules.halo_px, rules.stride, rules.stride);
  lengthen(&window.top, &window.size.height, picture.height, rules.least.height, rules.stride);
  lengthen(&window.left, &window.size.width, picture.width, rules.least.width, rules.stride);
  return {window, wanted};
}

/// Adds the tile, or the tiles of its halves: strips of a large window can take less memory than a smaller window
/// whole.
void add_tiles(const Window& wanted, Size picture, const TileRules& rules, std::vector<Tile>* tiles) {
  const Tile tile = tile_of(wanted, picture, rules);
  const Size size = wanted.size;
  if (size == Size{1, 1} || rules.fits(padded(tile.window.size, rules.stride))) {
    tiles->push_back(tile);
    return;
  }
  const bool across = size.height > size.width;
  const Size first = across ? Size{size.height / 2, size.width} : Size{size.height, size.width / 2};
  const Window upper = {wanted.top, wanted.left, first};
  for (const Window& half : around(upper, wanted))
    if (!half.empty()) add_tiles(half, picture, rules, tiles);
  add_tiles(upper, picture, rules, tiles);
}

/// The cells of the grid.
std::vector<Window> cells(const Window& area, Size picture, const TileRules& rules) {
  const Grid grid = choose_grid(area, picture, rules);
  const std::vector<int>&rows = grid.rows.at, &columns = grid.columns.at;
  std::vector<Window> cells;
  for (std::size_t y = 0; y + 1 < rows.size(); ++y)
    for (std::size_t x = 0; x + 1 < columns.size(); ++x)
      cells.push_back({rows[y], columns[x], {rows[y + 1] - rows[y], columns[x + 1] - columns[x]}});
  return cells;
}

}  // namespace

Size smallest_tile(const TileRules& rules) {
  constexpr Size any = {1 << 20, 1 << 20};
  return window_size({1, 1}, any, rules);
}

std::vector<Tile> grid_tiles(Size picture, const TileRules& rules) {
  std::vector<Tile> tiles;
  for (const Window& cell : cells(whole(picture), picture, rules)) add_tiles(cell, picture, rules, &tiles);
  return tiles;
}

std::vector<Tile> unknown_tiles(const ByteView& known, const Window& area, const TileRules& rules) {
  const Window unknown = unknown_window(known, area);
  if (unknown.empty()) return {};
  const Tile all = tile_of(unknown, known.size, rules);
  if (rules.fits(padded(all.window.size, rules.stride))) return {all};
  std::vector<Tile> tiles;
  for (const Window& cell : cells(unknown, known.size, rules)) {
    const Window wanted = unknown_window(known, cell);
    if (!wanted.empty()) add_tiles(wanted, known.size, rules, &tiles);
  }
  return tiles;
}

}  // namespace dim
