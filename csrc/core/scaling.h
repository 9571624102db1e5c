// For networks that want their sides by scaling instead of padding: the outermost stage of a run. It turns a request
// into one for the scaled picture, and scales what comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/preprocessing.h"
#include "core/resample.h"

namespace dim {

/// Height and width of what the network sees of a picture.
Size network_size(const Preprocessing& settings, Size picture);

/// What a network sees of a picture that is scaled for it.
class ScaledPicture {
 public:
  /// `settings` with `resize`. The CPU's work is shared out to `pool`.
  ScaledPicture(const Preprocessing& settings, const Inputs& inputs, const Wanted& wanted, ThreadPool& pool);

  Size size() const { return size_; }
  /// Pixels::kInputs.
  ImageView image() const;
  /// Unknown is every pixel that a wanted unknown pixel of the picture is made of; the rest is known to be 0.
  /// Empty where nothing is known.
  ByteView wanted() const { return wanted_.empty() ? ByteView{} : ByteView{wanted_.data(), size_, size_.width, 1}; }

  /// Known pixels come out exactly 0 or 1, unknown ones from `scaled`, packed rows of what the network says of this
  /// picture, read only where it is wanted. `wanted` is that of the constructor.
  void write(const float* scaled, const Wanted& wanted, const MapView& map, ThreadPool& pool) const;

 private:
  Size size_;
  Resampler back_;
  std::unique_ptr<float[]> pixels_;
  std::vector<std::uint8_t> wanted_;
  std::vector<char> has_unknown_;  // by wanted row of the picture: whether any wanted pixel of it is
};

class Scaling {
 public:
  /// `settings` with `resize`.
  explicit Scaling(const Preprocessing& settings) : settings_(settings) {}

  /// Whether pictures of this size are run as they are.
  bool keeps(Size picture) const { return network_size(settings_, picture) == picture; }

  /// The request's pictures are in the CPU's memory. Known pixels come back exactly 0 or 1, unknown ones from those of
  /// all pixels of the scaled picture that lie around them, which `network` computes.
  /// The CPU's work is shared out to `pool`.
  void run(const Request& request, ThreadPool& pool, const std::function<void(const Request&)>& network) const;

 private:
  Preprocessing settings_;
};

}  // namespace dim
