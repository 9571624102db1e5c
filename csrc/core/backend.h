// What a backend must do. Arguments have been checked by Matting before they get here.
#pragma once

#include <string>
#include <vector>

#include "core/image.h"

namespace dim {

struct Request {
  ImageView image;
  TrimapView trimap;
  AlphaView alpha;  // every pixel is written
};

/// How long one step of a run took.
struct StepTime {
  std::string name;
  double ms = 0.0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Safe to call from several threads at once. Appends the time of each step when `times` is not null.
  virtual void run(const Request& request, std::vector<StepTime>* times) = 0;
  virtual int threads() const = 0;
  /// Instruction set or GPU, for people.
  virtual std::string device() const = 0;
};

}  // namespace dim
