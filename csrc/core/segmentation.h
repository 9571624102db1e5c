// The task segmentation: what in a picture is an object, from the picture alone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/backend.h"
#include "core/image.h"
#include "core/plan.h"
#include "core/scaling.h"

namespace dim {

class Segmentation {
 public:
  /// `backend` was made from `plan`; of the plan itself only the header is kept. Throws PlanError.
  Segmentation(const Plan& plan, std::unique_ptr<Backend> backend);

  /// Writes the soft mask, 0..1, of the image's size. Safe to call from several threads at once. Throws InvalidInput.
  void run(const ImageView& image, const MapView& mask, Trace* trace = nullptr) const;

  const std::string& header() const { return header_; }
  const Backend& backend() const { return *backend_; }

 private:
  std::string header_;
  Size min_size_, max_size_;
  std::optional<Scaling> scaling_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace dim
