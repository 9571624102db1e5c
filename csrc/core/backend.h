// What a backend must do. Arguments have been checked by Matting before they get here.
#pragma once

#include <string>

#include "core/image.h"

namespace dim {

struct Request {
  ImageView image;
  TrimapView trimap;
  AlphaView alpha;  // every pixel is written
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Safe to call from several threads at once.
  virtual void run(const Request& request) = 0;
  virtual int threads() const = 0;
  /// Instruction set or GPU, for people.
  virtual std::string device() const = 0;
};

}  // namespace dim
