#include "core/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace dim {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Weights of the four pixels around a place `f` behind the second; the cubic of OpenCV, a = -0.75.
std::array<float, 4> cubic_weights(float f) {
  constexpr float a = -0.75f;
  const float g = 1.0f - f;
  const float first = ((a * (f + 1.0f) - 5.0f * a) * (f + 1.0f) + 8.0f * a) * (f + 1.0f) - 4.0f * a;
  const float second = ((a + 2.0f) * f - (a + 3.0f)) * f * f + 1.0f;
  const float third = ((a + 2.0f) * g - (a + 3.0f)) * g * g + 1.0f;
  return {first, second, third, 1.0f - first - second - third};
}

float rounded(float value) { return std::nearbyint(value); }  // ties to even

template <int kCount, int kChannels>
void across_row(const Taps& taps, const float* from, float* to) {
  const std::size_t width = taps.index.size() / kCount;
  const int* index = taps.index.data();
  const float* weight = taps.weight.data();
  for (std::size_t x = 0; x < width; ++x, index += kCount, weight += kCount, to += kChannels)
    for (int c = 0; c < kChannels; ++c) {
      float sum = 0.0f;
      for (int k = 0; k < kCount; ++k) sum += from[index[k] * kChannels + c] * weight[k];
      to[c] = sum;
    }
}

template <int kChannels>
void across_row(const Taps& taps, const float* from, float* to) {
  if (taps.count == 1) return across_row<1, kChannels>(taps, from, to);
  if (taps.count == 2) return across_row<2, kChannels>(taps, from, to);
  across_row<4, kChannels>(taps, from, to);
}

}  // namespace

Taps::Taps(int from, int to, Interpolation interpolation, bool fixed_point)
    : count(interpolation == Interpolation::kNearest  ? 1
            : interpolation == Interpolation::kLinear ? 2
                                                      : 4) {
  const double scale = 1.0 / (static_cast<double>(to) / from);
  index.reserve(at(to) * at(count)), weight.reserve(at(to) * at(count));
  for (int x = 0; x < to; ++x) {
    if (interpolation == Interpolation::kNearest) {
      index.push_back(std::min(static_cast<int>(std::floor(x * scale)), from - 1));
      weight.push_back(1.0f);
      continue;
    }
    // OpenCV's own code has places as float; what it calls for large float pictures where it can (IPP), as double.
    const double exact = (x + 0.5) * scale - 0.5;
    const double place = fixed_point ? static_cast<double>(static_cast<float>(exact)) : exact;
    const auto first = static_cast<int>(std::floor(place));
    const auto f = static_cast<float>(place - first);
    const std::array<float, 4> weights =
        interpolation == Interpolation::kLinear ? std::array<float, 4>{1.0f - f, f} : cubic_weights(f);
    for (int k = 0; k < count; ++k) {
      index.push_back(std::clamp(first + k - (count / 2 - 1), 0, from - 1));
      weight.push_back(fixed_point ? rounded(weights[at(k)] * kFixedOne) : weights[at(k)]);
    }
  }
}

Resampler::Resampler(Size from, Size to, int channels, Interpolation interpolation, bool whole_levels)
    : from_(from),
      to_(to),
      channels_(channels),
      whole_levels_(whole_levels && interpolation != Interpolation::kNearest),
      vertical_(from.height, to.height, interpolation, whole_levels_),
      horizontal_(from.width, to.width, interpolation, whole_levels_) {}

void Resampler::rows(int begin, int end, const ReadRow& read, const WriteRow& write) const {
  const int count = vertical_.count;
  const std::size_t width = at(to_.width) * at(channels_);
  std::vector<float> source(at(from_.width) * at(channels_)), result(width);
  std::array<std::vector<float>, Taps::kMost> kept;  // source rows, scaled across
  std::array<int, Taps::kMost> kept_row;
  kept_row.fill(-1);
  std::vector<const float*> lines(at(count));
  for (int y = begin; y < end; ++y) {
    const int* wanted = vertical_.index.data() + at(y) * at(count);
    for (int k = 0; k < count; ++k) {
      const auto is_wanted = [&](int row) { return std::find(wanted, wanted + count, row) != wanted + count; };
      auto slot = std::find(kept_row.begin(), kept_row.end(), wanted[k]) - kept_row.begin();
      if (slot == Taps::kMost) {
        slot = std::find_if_not(kept_row.begin(), kept_row.end(), is_wanted) - kept_row.begin();
        kept_row[static_cast<std::size_t>(slot)] = wanted[k];
        std::vector<float>& line = kept[static_cast<std::size_t>(slot)];
        line.resize(width);
        read(wanted[k], source.data());
        across(source.data(), line.data());
      }
      lines[at(k)] = kept[static_cast<std::size_t>(slot)].data();
    }
    if (count > 1) down(lines, vertical_.weight.data() + at(y) * at(count), result.data());
    write(y, count > 1 ? result.data() : lines.front());
  }
}

void Resampler::across(const float* from, float* to) const {
  channels_ == 3 ? across_row<3>(horizontal_, from, to) : across_row<1>(horizontal_, from, to);
}

void Resampler::down(const std::vector<const float*>& lines, const float* weights, float* to) const {
  const int width = to_.width * channels_;
  if (lines.size() == 2) {
    const float *a = lines[0], *b = lines[1];
    if (!whole_levels_) {
      for (int x = 0; x < width; ++x) to[x] = a[x] * weights[0] + b[x] * weights[1];
      return;
    }
    const auto wa = static_cast<int>(weights[0]), wb = static_cast<int>(weights[1]);
    for (int x = 0; x < width; ++x)
      to[x] = static_cast<float>(
          (((wa * (static_cast<int>(a[x]) >> 4)) >> 16) + ((wb * (static_cast<int>(b[x]) >> 4)) >> 16) + 2) >> 2);
    return;
  }
  const float *a = lines[0], *b = lines[1], *c = lines[2], *d = lines[3];
  for (int x = 0; x < width; ++x) to[x] = a[x] * weights[0] + b[x] * weights[1] + c[x] * weights[2] + d[x] * weights[3];
  if (!whole_levels_) return;
  constexpr float one = static_cast<float>(Taps::kFixedOne) * Taps::kFixedOne;
  for (int x = 0; x < width; ++x) to[x] = std::clamp(rounded(to[x] / one), 0.0f, 255.0f);
}

}  // namespace dim
