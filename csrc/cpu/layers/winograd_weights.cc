#include "cpu/layers/winograd_weights.h"

#include <cmath>

namespace dim::cpu {

WinogradAxis winograd_axis(int kernel, int window) {
  const double a = kWinogradA, b = kWinogradB;
  const std::vector<double> points = window == 4 ? std::vector<double>{0, 1, -1} : std::vector<double>{0, a, -a, b, -b};
  WinogradAxis rows;
  for (std::size_t i = 0; i < points.size(); ++i) {
    double scale = 1;
    for (std::size_t j = 0; j < points.size(); ++j)
      if (j != i) scale *= points[i] - points[j];
    rows.emplace_back();
    for (int k = 0; k < kernel; ++k) rows.back().push_back(std::pow(points[i], k) / scale);
  }
  rows.emplace_back(static_cast<std::size_t>(kernel), 0.0);
  rows.back().back() = 1;
  return rows;
}

WinogradAxis untransformed_axis(int kernel) {
  const auto taps = static_cast<std::size_t>(kernel);
  WinogradAxis rows(taps, std::vector<double>(taps, 0.0));
  for (std::size_t k = 0; k < taps; ++k) rows[k][k] = 1;
  return rows;
}

std::vector<float> winograd_weights(const ConvWeights& w, const WinogradAxis& vertical, const WinogradAxis& horizontal,
                                    int o, int i) {
  std::vector<float> out;
  for (const std::vector<double>& v : vertical)
    for (const std::vector<double>& h : horizontal) {
      double sum = 0;
      for (std::size_t ky = 0; ky < v.size(); ++ky)
        for (std::size_t kx = 0; kx < h.size(); ++kx)
          sum += v[ky] * h[kx] * double{w.tap(o, i, static_cast<int>(ky), static_cast<int>(kx))};
      out.push_back(static_cast<float>(sum));
    }
  return out;
}

}  // namespace dim::cpu
