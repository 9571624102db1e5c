// Pictures too large to run at once: parts of them, run one after the other, that give the alpha of the whole picture.
#pragma once

#include <functional>
#include <vector>

#include "core/window.h"

namespace dim {

/// A part of a picture that is run by itself.
struct Tile {
  Window window;  // what the network sees: `wanted` and its surroundings
  Window wanted;  // the part whose alpha it gives
};

/// How large a window may be, and what it must have around the pixels that are wanted.
struct TileRules {
  int halo_px = 0;
  int stride = 1;
  Size least;                      // windows are at least this large, where the picture is
  std::function<bool(Size)> fits;  // whether a picture of this size can be run at once; so can most smaller ones
};

/// The largest window that a tile can need, however little is wanted of it: rules that it does not fit allow no tiles.
Size smallest_tile(const TileRules& rules);

/// Tiles whose wanted parts make up a picture: the grid whose windows have the least pixels together.
std::vector<Tile> grid_tiles(Size picture, const TileRules& rules);

/// Tiles whose wanted parts hold every unknown pixel of `area`, each one once; none where all are known. The grid is
/// that of the smallest window with all these pixels, and its cells shrink to those that they have.
std::vector<Tile> unknown_tiles(const ByteView& known, const Window& area, const TileRules& rules);

}  // namespace dim
