// The task matting: what a trimap is, and what is made of it, is known here and above. Below, a backend runs a network
// on maps.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/image.h"
#include "core/orientation.h"
#include "core/plan.h"
#include "core/scaling.h"
#include "core/tiling.h"

namespace dim {

/// A picture to matte, and where its alpha goes. The trimap: 0 is background, 255 foreground, all else unknown.
struct MattingRequest {
  ImageView image;
  ByteView trimap;
  MapView alpha;  // of the picture's size, too
  Place place;
  /// The part of the picture whose alpha is written, all of it by default. Not for arrays on a GPU.
  std::optional<Window> window;

  Window wanted() const { return window.value_or(whole(image.size)); }
};

/// What a caller may want to know about a finished run, of the pixels that were wanted.
struct RunInfo {
  std::size_t unknown_pixels = 0;
  std::size_t known_pixels = 0;
};

struct Limits {
  /// Of the working memory of a run, see Backend::working_bytes: larger pictures are run in tiles. 0: none.
  std::size_t memory_bytes = 0;
  /// Raises a limit that is less than the smallest tile takes, instead of throwing.
  bool at_least_a_tile = false;
  /// Of a picture; larger ones are refused. 0: none.
  std::size_t pixels = 0;
};

/// How alpha is made of what the network says.
struct MattingOptions {
  Limits limits;
  int orientations = 1;      // alpha is the mean over so many views of a picture, see orientations()
  bool closed_form = false;  // then it is where closed-form matting begins, see core/closed_form.h
};

class Matting {
 public:
  /// `backend` was made from `plan`; of the plan itself only the header is kept. Throws InvalidInput.
  Matting(const Plan& plan, std::unique_ptr<Backend> backend, const MattingOptions& options = {});

  /// Writes alpha. Pictures that cannot be run at once are run in tiles, which changes nothing beyond rounding. Safe to
  /// call from several threads at once. Throws InvalidInput. Nothing is counted on a GPU.
  RunInfo run(const MattingRequest& request, Trace* trace = nullptr) const;

  /// The colors under a matte, where the backend runs: a ForegroundTask, or a GpuForegroundTask for arrays there.
  template <typename Task>
  void estimate_foreground(const Task& task) const {
    backend_->estimate_foreground(task);
  }

  const std::string& header() const { return header_; }
  const Backend& backend() const { return *backend_; }
  const Limits& limits() const { return limits_; }
  int orientation_count() const { return static_cast<int>(orientations_.size()); }
  /// How far from an unknown pixel a run looks.
  int halo_px() const;
  /// The tiles that a picture with this trimap is run in, unturned; one of the whole picture where it can be run at
  /// once.
  std::vector<Tile> tiles(const ByteView& trimap) const;

 private:
  bool fits(Size picture) const;
  TileRules tile_rules() const;
  void check_sizes(const MattingRequest& request) const;
  void check_size(Size picture, const std::string& when) const;
  bool scales(Size picture) const { return scaling_ && !scaling_->keeps(picture); }
  void run_orientations(const MattingRequest& request, Trace* trace) const;
  void run_closed_form(const MattingRequest& request, Trace* trace) const;
  void run_turned(const Request& request, Trace* trace) const;
  void run_network(const Request& request, Trace* trace) const;

  std::string header_;
  int stride_;
  Size min_size_, max_size_;
  std::optional<Scaling> scaling_;
  Limits limits_;
  std::vector<Orientation> orientations_;
  bool closed_form_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace dim
