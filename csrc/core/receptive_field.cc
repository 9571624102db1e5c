#include "core/receptive_field.h"

#include <algorithm>
#include <map>

namespace dim {
namespace {

/// Positions first..last along height or width, the same for both; none when first > last.
struct Positions {
  int first = 1 << 30, last = -1;

  bool none() const { return first > last; }
  void add(const Positions& other) { first = std::min(first, other.first), last = std::max(last, other.last); }
};

/// The positions of the input that the output at `position` depends on, without regard to borders.
Positions receptive_field(const std::vector<Dependence>& dependences, int input, int output, int position) {
  std::map<int, Positions> needed;
  needed[output] = {position, position};
  for (auto it = dependences.rbegin(); it != dependences.rend(); ++it) {
    const Positions to = needed[it->to];
    if (to.none()) continue;
    if (it->reach.between_corners)
      needed[it->from].add({position - kWholePicture, position + kWholePicture});
    else
      needed[it->from].add({it->reach.first(to.first), it->reach.last(to.last)});
  }
  return needed[input];
}

}  // namespace

int halo_px(const std::vector<Dependence>& dependences, int input, int output, int period) {
  int halo = 0;
  for (int position = 0; position < period; ++position) {
    const Positions reads = receptive_field(dependences, input, output, position);
    if (!reads.none()) halo = std::max({halo, position - reads.first, reads.last - position});
  }
  return std::min(halo, kWholePicture);
}

}  // namespace dim
