// What every operation of a program says of itself, in a header of its own:
//
//   kName                 its name in plans
//   parse(json, parser)   its attributes, checked; what it writes, with shape and element type
//   reads(), writes()     its values: which positions of each a position depends on, and how they lie in memory
//   kRuns, run(call)      how it is computed
//
// Everything else (regions, receptive field, schedule, memory, running) asks these and knows no operation by name, but
// for what convolutions do with poolings and their own kernels. `Operation` (operations.h) lists them all.
#pragma once

#include <functional>
#include <vector>

#include "core/reach.h"
#include "core/region.h"
#include "cpu/layers/map.h"
#include "cpu/layers/team.h"
#include "cpu/ops/value.h"

namespace dim::cpu {

// Lanes that a map can have; a set of them is their sum.
inline constexpr int kSingleLane = 1;  // one channel, without blocks
inline constexpr int kFourLanes = 4;
inline constexpr int kLanesOfInput = 0;  // of a write: as the first value read has them
inline constexpr int kAnyLanes = kSingleLane + kFourLanes + kLanes;

struct Read {
  int value = kNone;
  Reach reach;
  int lanes = kAnyLanes;        // in which the operation can read it
  int border = 0;               // zeros around the map that it may read
  bool while_computed = false;  // it takes the value as it is computed, and not from memory
};

struct Write {
  int value = kNone;
  int lanes = kLanes;
  /// Lanes of the first value read from which a single channel can also be written as kSingleLane.
  int single_from = 0;
  bool may_be_dropped = false;  // it need not be stored where all that reads it does so while it is computed
};

/// How an operation is computed.
enum class Runs {
  outside,        // by the runner: the network's input and output
  with_conv,      // by the convolution whose result it reads
  as_layer,       // by packed weights, see layers/
  pixel_by_pixel  // by its own `run`
};

/// What an operation that is computed pixel by pixel gets.
struct PixelCall {
  const std::function<FloatMap(int value)>& map;
  const std::function<Size(int value)>& end;  // where the value's map ends: with the picture, unless that is filled up
  const Region& region;                       // of the output
  const Team& team;
  const KernelTables& kernels;

  /// `row(y, begin, end)` for every span.
  template <typename Row>
  void for_spans_of_rows(Row&& row) const {
    team.run_rows(region.size().height, [&](int y) {
      for (const Span& span : region.row(y)) row(y, span.begin, span.end);
    });
  }
};

}  // namespace dim::cpu
