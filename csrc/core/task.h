// What networks are for. Who runs a plan must know what it is fed and what it answers.
#pragma once

#include <string>

#include "core/plan.h"

namespace dim {

inline constexpr char kMatting[] = "matting";            // a picture and a trimap: alpha
inline constexpr char kSegmentation[] = "segmentation";  // a picture: a soft mask

/// Throws PlanError unless the plan is for `task`, with one input, as its preprocessing makes it, and one output of one
/// channel.
void check_task(const Plan& plan, const std::string& task);

}  // namespace dim
