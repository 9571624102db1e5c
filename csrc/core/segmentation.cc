#include "core/segmentation.h"

#include <utility>

#include "base/error.h"
#include "core/task.h"
#include "core/window.h"

namespace dim {

Segmentation::Segmentation(const Plan& plan, std::unique_ptr<Backend> backend)
    : header_(plan.header), min_size_(plan.min_size), max_size_(plan.max_size), backend_(std::move(backend)) {
  check_task(plan, kSegmentation);
  if (plan.preprocessing.resize) scaling_.emplace(plan.preprocessing);
}

void Segmentation::run(const ImageView& image, const MapView& mask, Trace* trace) const {
  const Size size = image.size;
  if (size.height < min_size_.height || size.width < min_size_.width || size.height > max_size_.height ||
      size.width > max_size_.width)
    throw InvalidInput("img: expected " + to_string(min_size_) + " to " + to_string(max_size_) +
                       " for this plan, got " + to_string(size) + "; scale the picture");
  const Request request = {{image, {}}, {whole(size), {}}, {mask, true}, {}};
  if (scaling_ && !scaling_->keeps(size))
    scaling_->run(request, backend_->pool(), [&](const Request& scaled) { backend_->run(scaled, trace); });
  else
    backend_->run(request, trace);
}

}  // namespace dim
