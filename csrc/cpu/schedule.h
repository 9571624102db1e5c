// How a program runs: pooling fused into the convolution before it, how each value is laid out, and when its memory
// may be used again. Independent of the picture's size.
#pragma once

#include <vector>

#include "cpu/layers/map.h"
#include "cpu/program.h"

namespace dim::cpu {

struct Step {
  int op = kNone;
  int output = kNone;         // the value it computes; none for the network's output
  int pool = kNone;           // the operation that is fused into this convolution
  bool pooled_later = false;  // a pooling depends on the result, at once or through other operations
  // Steps first..last run interleaved, strip by strip; alone: its own index twice.
  int first = 0;
  int last = 0;
};

struct Storage {
  int lanes = kLanes;
  int border = 0;      // zeros around the map, for the widest convolution that reads it
  bool stored = true;  // false when only a fused pooling reads the value
  int first_step = 0;  // that writes it
  int last_step = 0;   // that reads it
};

struct Schedule {
  std::vector<Step> steps;       // steps[0] is the input
  std::vector<Storage> storage;  // by value
};

/// Throws PlanError for what the runner cannot do.
Schedule make_schedule(const Program& program);

/// The pooling that is fused into the step's convolution; null without one.
const MaxPoolArgmax* pooling_of(const Program& program, const Step& step);

/// The layout of value `id` for a padded picture.
MapLayout layout_of(const Program& program, const Schedule& schedule, int id, Size padded);

}  // namespace dim::cpu
