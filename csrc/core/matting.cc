#include "core/matting.h"

#include "core/error.h"
#include "core/postprocess.h"

namespace dim {
namespace {

void check_sizes(Size image, Size trimap, Size min, Size max) {
  if (image != trimap)
    throw InvalidInput("trimap: expected the image's height and width " + to_string(image) + ", got " +
                       to_string(trimap) + "; resize it with nearest-neighbour interpolation");
  if (image.height < min.height || image.width < min.width)
    throw InvalidInput("img: expected at least " + to_string(min) + " (height x width) for this plan, got " +
                       to_string(image));
  if (image.height > max.height || image.width > max.width)
    throw InvalidInput("img: expected at most " + to_string(max) + " (height x width) for this plan, got " +
                       to_string(image) + "; scale the picture down or build a plan for larger ones");
}

std::size_t count_unknown(const TrimapView& trimap) {
  std::size_t count = 0;
  for (int y = 0; y < trimap.size.height; ++y)
    for (int x = 0; x < trimap.size.width; ++x) count += is_unknown(trimap.at(y, x));
  return count;
}

}  // namespace

Matting::Matting(const Plan& plan, std::unique_ptr<Backend> backend)
    : header_(plan.header), min_size_(plan.min_size), max_size_(plan.max_size), backend_(std::move(backend)) {
  if (plan.preprocessing.resize) scaling_.emplace(plan.preprocessing);
}

RunInfo Matting::run(const Request& request, std::vector<StepTime>* times) const {
  const Size size = request.image.size;
  check_sizes(size, request.trimap.size, min_size_, max_size_);
  const bool scales = scaling_ && !scaling_->keeps(size);
  RunInfo info;
  if (request.on_gpu) {
    if (!backend_->takes_gpu_memory())
      throw InvalidInput("img: is in the memory of a GPU, and this plan runs on the CPU; pass a numpy array");
    if (scales)
      throw InvalidInput("img: is in the memory of a GPU, and this plan scales pictures of " + to_string(size) +
                         " in the CPU's; pass a numpy array");
    backend_->run(request, times);
    return info;
  }
  info.unknown_pixels = count_unknown(request.trimap);
  info.known_pixels = size.area() - info.unknown_pixels;
  if (info.unknown_pixels == 0) {
    for (int y = 0; y < size.height; ++y) postprocess_row(request.trimap, y, nullptr, 0, request.alpha);
  } else if (scales) {
    scaling_->run(request, *backend_, times);
  } else {
    backend_->run(request, times);
  }
  return info;
}

}  // namespace dim
