// For networks that want their sides by scaling instead of padding: the outermost stage of a run. It turns a request
// into one for the scaled picture, and scales what comes back.
#pragma once

#include <functional>

#include "core/backend.h"
#include "core/plan.h"

namespace dim {

/// Height and width of what the network sees of a picture.
Size network_size(const Preprocessing& settings, Size picture);

class Scaling {
 public:
  /// `settings` with `resize`.
  explicit Scaling(const Preprocessing& settings);

  /// Whether pictures of this size are run as they are.
  bool keeps(Size picture) const { return network_size(settings_, picture) == picture; }

  /// The request's pictures are in the CPU's memory. Known pixels come back exactly 0 or 1, unknown ones from alphas of
  /// all pixels of the scaled picture that lie around them, which `network` computes.
  /// The CPU's work is shared out to `pool`.
  void run(const Request& request, ThreadPool& pool, const std::function<void(const Request&)>& network) const;

 private:
  Preprocessing settings_;
};

}  // namespace dim
