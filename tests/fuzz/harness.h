// What the fuzz targets share. Each takes bytes and must end in a result or a dim::PlanError, or, where a
// plan is not for pictures of kPicture's size, a dim::InvalidInput; everything else (another
// exception, a sanitizer's report, an endless loop, too much memory) is a bug.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "core/matting.h"
#include "core/plan.h"
#include "core/segmentation.h"
#include "core/task.h"
#include "cpu/program.h"
#include "cpu/runner.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dim::fuzz {

using Bytes = std::vector<std::uint8_t>;

inline constexpr Size kPicture = {33, 35};
inline constexpr std::size_t kMaxWork = std::size_t{1} << 24;  // multiplications and values: milliseconds

/// False for programs that would take long or much memory on kPicture; that is not what is looked for here.
inline bool is_small(const cpu::Program& program, int stride) {
  const std::size_t area = padded(kPicture, stride).area();
  std::size_t work = 0;
  for (const cpu::Value& value : program.values)
    work += (area >> 2 * value.level) * static_cast<std::size_t>(value.channels);
  for (const cpu::Op& op : program.ops) {
    if (const auto* conv = std::get_if<cpu::Conv>(&op.operation))
      work += (area >> 2 * program.values[static_cast<std::size_t>(conv->output)].level) * conv->weight.size();
    work += area * op.reads.size();
  }
  return work <= kMaxWork;
}

/// Loads the CPU plan and computes one picture with it.
inline void load_and_run(const Plan& plan) {
  const int stride = plan.preprocessing.stride;
  if (!is_small(cpu::parse_program(plan.payload(), plan.payload_bytes(), stride), stride)) return;
  auto runner = std::make_unique<cpu::Runner>(plan, false, cpu::Options{1, std::size_t{1} << 12});
  Bytes image(kPicture.area() * 3), trimap(kPicture.area(), kUnknown);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * 37);
  std::vector<float> alpha(kPicture.area());
  const ImageView picture = {image.data(), kPicture, kPicture.width * 3, 3, 1};
  const MapView map = {alpha.data(), kPicture, kPicture.width * 4, 4};
  if (plan.task == kSegmentation) return Segmentation(plan, std::move(runner)).run(picture, map);
  const Matting matting(plan, std::move(runner));
  std::fill_n(trimap.begin(), 10 * kPicture.width, kKnownZero);
  MattingRequest request;
  request.image = picture;
  request.trimap = {trimap.data(), kPicture, kPicture.width, 1};
  request.alpha = map;
  matting.run(request);
}

/// `prefix | u32 length | text | padding to 64 | rest`, the form of plans and of their payloads.
struct Parts {
  std::string text;
  Bytes rest;
};

inline bool split(const std::uint8_t* data, std::size_t size, std::size_t prefix, Parts& parts) {
  if (size < prefix + 4) return false;
  std::uint32_t length = 0;
  std::memcpy(&length, data + prefix, 4);
  const std::size_t begin = prefix + 4, rest = (begin + length + 63) / 64 * 64;
  if (rest > size) return false;
  parts.text.assign(reinterpret_cast<const char*>(data) + begin, length);
  parts.rest.assign(data + rest, data + size);
  return true;
}

inline Bytes join(std::string_view prefix, const Parts& parts) {
  Bytes out(prefix.begin(), prefix.end());
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(parts.text.size() >> 8 * i));
  out.insert(out.end(), parts.text.begin(), parts.text.end());
  out.resize((out.size() + 63) / 64 * 64);
  out.insert(out.end(), parts.rest.begin(), parts.rest.end());
  return out;
}

/// Mutates a part at its own length.
template <typename Container>
void mutate(Container& part, std::size_t max_size) {
  const std::size_t size = part.size();
  part.resize(std::max<std::size_t>(max_size, size + 1));
  part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), size, part.size()));
}

/// Copies `bytes` to where libFuzzer wants them; raw mutation when they do not fit.
inline std::size_t put(const Bytes& bytes, std::uint8_t* data, std::size_t size, std::size_t max_size) {
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace dim::fuzz
