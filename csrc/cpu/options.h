// How the CPU backend runs plans.
#pragma once

#include <algorithm>
#include <cstddef>

namespace dim::cpu {

struct Options {
  int threads = 0;  // 0: see default_threads
  /// Larger maps are computed in strips of this many bytes where that can be. Enough to keep the threads busy for
  /// milliseconds: strips cost them a rendezvous each.
  std::size_t strip_bytes = std::size_t{64} << 20;
  /// Each thread computes strips by itself, of a section of the picture, where it has at least so many rows: neighbours
  /// compute some rows of each other's.
  int section_rows = 192;
};

/// With strips that are small enough beside a limit of working memory (0: none) to leave room for large tiles, and no
/// smaller: strips cost time.
inline Options within(std::size_t memory_bytes, Options options) {
  constexpr std::size_t kLeast = std::size_t{8} << 20, kPart = 16;
  if (memory_bytes != 0) options.strip_bytes = std::min(options.strip_bytes, std::max(kLeast, memory_bytes / kPart));
  return options;
}

}  // namespace dim::cpu
