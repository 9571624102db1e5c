#include "core/task.h"

#include <vector>

#include "base/error.h"

namespace dim {
namespace {

std::string cure_for(const std::string& task) {
  if (task == kMatting) return "load it with dim_trt.Engine";
  if (task == kSegmentation) return "load it with dim_trt.Salient";
  return "upgrade dim_trt";
}

}  // namespace

void check_task(const Plan& plan, const std::string& task) {
  if (plan.task != task)
    throw PlanError("plan: expected task '" + task + "', got '" + plan.task + "'; " + cure_for(plan.task));
  const std::string rebuild = " for task '" + task + "'; rebuild it with python -m dim_trt.build";
  if (plan.preprocessing.guide.has_value() != (task == kMatting))
    throw PlanError("plan: expected preprocessing " + std::string(task == kMatting ? "with" : "without") +
                    " trimap_scale" + rebuild);
  const auto is_one = [](const std::vector<MapInfo>& maps, int channels) {
    return maps.size() == 1 && maps.front().channels == channels;
  };
  const int channels = plan.preprocessing.channels();
  if (!is_one(plan.inputs, channels) || !is_one(plan.outputs, 1))
    throw PlanError("plan: expected one input of " + std::to_string(channels) + " channels and one output of 1" +
                    rebuild);
}

}  // namespace dim
