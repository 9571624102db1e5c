// The payload of a CPU plan: loaded and run, or a PlanError.
#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dim::Plan plan;
  plan.task = "matting", plan.backend = "cpu";
  plan.inputs = {{"input", 4}}, plan.outputs = {{"alpha", 1}};
  plan.preprocessing.std = {1, 1, 1};
  plan.preprocessing.guide = dim::Guide{1.0f};
  plan.preprocessing.stride = 32;
  plan.min_size = {1, 1};
  plan.max_size = dim::fuzz::kPicture;
  plan.file.assign(data, data + size);
  try {
    dim::fuzz::load_and_run(plan);
  } catch (const dim::PlanError&) {
  }
  return 0;
}

/// Program and tensors are mutated apart, so that the length in front of them stays right; sometimes it does not.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  dim::fuzz::Parts parts;
  if (seed % 16 == 0 || !dim::fuzz::split(data, size, 0, parts)) return LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 1)
    dim::fuzz::mutate(parts.rest, max_size - size + parts.rest.size());
  else
    dim::fuzz::mutate(parts.text, max_size - size + parts.text.size());
  return dim::fuzz::put(dim::fuzz::join({}, parts), data, size, max_size);
}
