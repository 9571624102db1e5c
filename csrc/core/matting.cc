#include "core/matting.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "core/closed_form.h"
#include "core/postprocess.h"
#include "core/runs.h"
#include "core/task.h"

namespace dim {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

std::size_t count_unknown(const ByteView& trimap) {
  std::size_t count = 0;
  for (int y = 0; y < trimap.size.height; ++y)
    for_runs(trimap, y, 0, trimap.size.width, [&](std::uint8_t value, int begin, int end) {
      if (is_unknown(value)) count += static_cast<std::size_t>(end - begin);
    });
  return count;
}

void write_known(const ByteView& known, const MapView& map) {
  for (int y = 0; y < known.size.height; ++y) postprocess_row(known, y, nullptr, 0, map);
}

/// The trimap is fed to the network, and says what of alpha is known without it.
Request network_request(const MattingRequest& request) {
  return {{request.image, request.trimap}, {request.wanted(), request.trimap}, {request.alpha, true}, request.place};
}

/// The request for what one of `count` orientations has to say about alpha.
MattingRequest turned(const MattingRequest& request, const Orientation& orientation, std::size_t count, bool is_first) {
  MattingRequest out = request;
  out.image = turned(request.image, orientation);
  out.trimap = turned(request.trimap, orientation);
  out.alpha = turned(request.alpha, orientation);
  out.window = turned(request.wanted(), request.image.size, orientation);
  out.alpha.share = 1.0f / static_cast<float>(count);  // a power of two, so nothing is rounded but the sum
  out.alpha.adds = !is_first;
  return out;
}

/// The request for a tile alone.
Request part(const Request& request, const Tile& tile) {
  const Inputs& inputs = request.inputs;
  Request out = request;
  out.inputs = {part(inputs.image, tile.window), inputs.guide.data ? part(inputs.guide, tile.window) : inputs.guide};
  out.wanted = {relative(tile.wanted, tile.window), part(request.wanted.known, tile.window)};
  out.output.map = part(request.output.map, tile.window);
  return out;
}

}  // namespace

Matting::Matting(const Plan& plan, std::unique_ptr<Backend> backend, const MattingOptions& options)
    : header_(plan.header),
      stride_(plan.preprocessing.stride),
      min_size_(plan.min_size),
      max_size_(plan.max_size),
      limits_(options.limits),
      orientations_(orientations(options.orientations)),
      closed_form_(options.closed_form),
      backend_(std::move(backend)) {
  check_task(plan, kMatting);
  if (plan.preprocessing.resize) scaling_.emplace(plan.preprocessing);
  if (limits_.memory_bytes == 0) return;
  const Size tile = smallest_tile(tile_rules());
  const std::size_t needed = backend_->working_bytes(tile);
  if (limits_.at_least_a_tile) limits_.memory_bytes = std::max(limits_.memory_bytes, needed);
  if (needed > limits_.memory_bytes)
    throw InvalidInput("memory_limit_mb: expected at least " + std::to_string(needed / kMegabyte + 1) +
                       " for this plan, which is what a tile of " + to_string(tile) + " takes, got " +
                       std::to_string(limits_.memory_bytes / kMegabyte));
}

bool Matting::fits(Size picture) const {
  const Size largest = padded(max_size_, stride_);
  return picture.height <= largest.height && picture.width <= largest.width &&
         (limits_.memory_bytes == 0 || backend_->working_bytes(picture) <= limits_.memory_bytes);
}

TileRules Matting::tile_rules() const {
  return {backend_->halo_px(), stride_, min_size_, [this](Size size) { return fits(size); }};
}

void Matting::check_sizes(const MattingRequest& request) const {
  const Size image = request.image.size, trimap = request.trimap.size;
  if (image != trimap)
    throw InvalidInput("trimap: expected the image's size, " + to_string(image) + ", got " + to_string(trimap) +
                       "; resize it with nearest-neighbour interpolation");
  if (limits_.pixels != 0 && image.area() > limits_.pixels)
    throw InvalidInput("img: expected at most " + std::to_string(limits_.pixels) + " pixels (max_pixels), got " +
                       to_string(image) + "; scale the picture down or allow more");
  check_size(image, "");
  if (orientations_.back().transposed)
    check_size({image.width, image.height}, " when it is turned on its side (orientations=8)");
  const Window wanted = request.wanted();
  if (!is_inside(wanted, image))
    throw InvalidInput("window: expected a part of the picture, which is " + to_string(image) + ", got " +
                       to_string(wanted));
}

void Matting::check_size(Size picture, const std::string& when) const {
  if (picture.height < min_size_.height || picture.width < min_size_.width)
    throw InvalidInput("img: expected at least " + to_string(min_size_) + " for this plan, got " + to_string(picture) +
                       when);
  if (!fits(picture) && !fits(smallest_tile(tile_rules())))
    throw InvalidInput("img: expected at most " + to_string(max_size_) + " for this plan, got " + to_string(picture) +
                       when + ", and it is too small for tiles of larger pictures; scale the picture " +
                       "down or build a plan for larger ones");
}

int Matting::halo_px() const { return backend_->halo_px() + (closed_form_ ? closed_form_reach() : 0); }

std::vector<Tile> Matting::tiles(const ByteView& trimap) const {
  if (fits(trimap.size)) return {{whole(trimap.size), whole(trimap.size)}};
  return unknown_tiles(trimap, whole(trimap.size), tile_rules());
}

void Matting::run_network(const Request& request, Trace* trace) const {
  const Size size = request.inputs.image.size;
  const Wanted& wanted = request.wanted;
  if (wanted.window == whole(size) && fits(size)) {
    backend_->run(request, trace);
  } else if (request.place.on_gpu) {  // where what is known cannot be looked at from here
    for (const Tile& tile : grid_tiles(size, tile_rules())) backend_->run(part(request, tile), trace);
  } else {
    write_known(part(wanted.known, wanted.window), part(request.output.map, wanted.window));
    for (const Tile& tile : unknown_tiles(wanted.known, wanted.window, tile_rules()))
      backend_->run(part(request, tile), trace);
  }
}

RunInfo Matting::run(const MattingRequest& request, Trace* trace) const {
  const Size size = request.image.size;
  check_sizes(request);
  RunInfo info;
  if (request.place.on_gpu) {
    if (!backend_->takes_gpu_memory())
      throw InvalidInput("img: is in the memory of a GPU, and this plan runs on the CPU; pass a numpy array");
    if (closed_form_)
      throw InvalidInput("img: is in the memory of a GPU, and closed_form works in the CPU's; pass a numpy array");
    if (scales(size))
      throw InvalidInput("img: is in the memory of a GPU, and this plan scales pictures of " + to_string(size) +
                         " in the CPU's; pass a numpy array");
  } else {
    const Window wanted = request.wanted();
    const ByteView known = part(request.trimap, wanted);
    info.unknown_pixels = count_unknown(known);
    info.known_pixels = wanted.size.area() - info.unknown_pixels;
    if (info.unknown_pixels == 0) {
      write_known(known, part(request.alpha, wanted));
      return info;
    }
  }
  closed_form_ ? run_closed_form(request, trace) : run_orientations(request, trace);
  return info;
}

void Matting::run_orientations(const MattingRequest& request, Trace* trace) const {
  for (const Orientation& orientation : orientations_) {
    const bool is_first = &orientation == &orientations_.front();
    run_turned(network_request(turned(request, orientation, orientations_.size(), is_first)), trace);
  }
}

/// The network's alpha is wanted around the unknown pixels, too, and stays as it is while the caller's is written.
void Matting::run_closed_form(const MattingRequest& request, Trace* trace) const {
  const Window wanted = request.wanted();
  const Size size = request.image.size;
  const std::unique_ptr<float[]> guess(new float[size.area()]);  // of which only what is written takes memory
  MattingRequest network = request;
  network.alpha = {guess.get(), size, static_cast<std::ptrdiff_t>(sizeof(float)) * size.width, sizeof(float)};
  network.window = seen_by_closed_form(unknown_window(request.trimap, wanted), size);
  run_orientations(network, trace);
  const auto start = std::chrono::steady_clock::now();
  write_known(part(request.trimap, wanted), part(request.alpha, wanted));
  solve_closed_form({request.image, request.trimap, network.alpha, request.alpha, wanted}, limits_.memory_bytes,
                    backend_->pool());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (trace != nullptr) trace->add("closed_form", took.count());
}

void Matting::run_turned(const Request& request, Trace* trace) const {
  if (scales(request.inputs.image.size))
    scaling_->run(request, backend_->pool(), [&](const Request& scaled) { run_network(scaled, trace); });
  else
    run_network(request, trace);
}

}  // namespace dim
