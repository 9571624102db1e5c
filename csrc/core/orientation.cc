#include "core/orientation.h"

#include <string>

#include "base/error.h"

namespace dim {

std::vector<Orientation> orientations(int count) {
  if (count != 1 && count != 2 && count != 8)
    throw InvalidInput("orientations: expected 1, 2 or 8, got " + std::to_string(count));
  std::vector<Orientation> all;
  for (const bool transposed : {false, true})
    for (const bool flipped : {false, true})
      for (const bool mirrored : {false, true}) all.push_back({flipped, mirrored, transposed});
  all.resize(static_cast<std::size_t>(count));
  return all;
}

}  // namespace dim
