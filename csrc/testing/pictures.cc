// Scaling, windows, tiles and closed-form matting by themselves.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "bindings/arrays.h"
#include "bindings/windows.h"
#include "core/closed_form.h"
#include "core/resample.h"
#include "testing/register.h"

namespace dim::testing {
namespace {

using namespace bindings;
using namespace pybind11::literals;

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

Interpolation interpolation_of(const std::string& name) {
  if (name == "nearest") return Interpolation::kNearest;
  if (name == "linear") return Interpolation::kLinear;
  if (name == "cubic") return Interpolation::kCubic;
  throw InvalidInput("interpolation: expected nearest, linear or cubic, got '" + name + "'");
}

/// (height, width, channels) with 1 or 3 channels, `strip_rows` rows at a time.
Floats resample(const Floats& pixels, Size to, const std::string& interpolation, bool whole_levels, int strip_rows) {
  if (pixels.ndim() != 3 || pixels.size() == 0 || (pixels.shape(2) != 1 && pixels.shape(2) != 3))
    throw InvalidInput("pixels: expected shape (height, width, 1 or 3), got " + shape_of(pixels));
  if (to.height < 1 || to.width < 1) throw InvalidInput("size: expected at least 1x1, got " + to_string(to));
  if (strip_rows < 1) throw InvalidInput("strip_rows: expected at least 1, got " + std::to_string(strip_rows));
  const auto side = [&](int i) { return static_cast<int>(pixels.shape(i)); };
  const Resampler resampler({side(0), side(1)}, to, side(2), interpolation_of(interpolation), whole_levels);
  Floats out({to.height, to.width, side(2)});
  const py::ssize_t from_row = pixels.shape(1) * pixels.shape(2), to_row = out.shape(1) * out.shape(2);
  const auto read = [&](int y, float* row) { std::copy_n(pixels.data() + y * from_row, from_row, row); };
  const auto write = [&](int y, const float* row) { std::copy_n(row, to_row, out.mutable_data() + y * to_row); };
  for (int y = 0; y < to.height; y += strip_rows) resampler.rows(y, std::min(to.height, y + strip_rows), read, write);
  return out;
}

/// The window that the network must see, and the four parts around it, each (top, left, height, width).
py::tuple find_window(const py::array& trimap, int halo, int stride, int step) {
  const ByteView view = trimap_view(trimap);
  const Window window = network_window(unknown_window(view, whole(view.size)), view.size, halo, stride, step);
  py::list parts;
  for (const Window& known : around(window, whole(view.size))) parts.append(to_tuple(known));
  return py::make_tuple(to_tuple(window), parts);
}

/// Tiles whose windows have at most `pixels` pixels; `unknown_only` as for pictures in host memory.
py::list cut_tiles(const py::array& trimap, int halo, int stride, std::pair<int, int> least, std::size_t pixels,
                   bool unknown_only) {
  const ByteView view = trimap_view(trimap);
  const TileRules rules = {halo, stride, {least.first, least.second}, [&](Size size) { return size.area() <= pixels; }};
  return tile_list(unknown_only ? unknown_tiles(view, whole(view.size), rules) : grid_tiles(view.size, rules));
}

/// Alpha from `guess` on, at most `most_bytes` at once (0: all).
py::array closed_form(const py::array& img, const py::array& trimap, const Floats& guess,
                      const ClosedFormOptions& options, std::size_t most_bytes, int threads) {
  const ImageView image = image_view(img);
  Floats alpha({image.size.height, image.size.width}), read = guess;
  std::fill_n(alpha.mutable_data(), alpha.size(), -1.0f);  // of pixels that are left alone
  ThreadPool pool(threads);
  solve_closed_form({image, trimap_view(trimap), map_view(read), map_view(alpha), whole(image.size)}, most_bytes, pool,
                    options);
  return alpha;
}

}  // namespace

void register_pictures(py::module_& m) {
  m.def(
      "resample",
      [](const Floats& pixels, std::pair<int, int> size, const std::string& interpolation, bool whole_levels,
         int strip_rows) {
        return resample(pixels, {size.first, size.second}, interpolation, whole_levels, strip_rows);
      },
      "pixels"_a, "size"_a, py::kw_only(), "interpolation"_a, "whole_levels"_a, "strip_rows"_a = 32,
      "What cv2.resize gives for uint8 (whole_levels) or float32 pixels.");
  m.def("network_window", &find_window, "trimap"_a, "halo"_a, "stride"_a, "step"_a,
        "The part of a picture that the network must see, and the four parts around it.");
  m.def(
      "closed_form",
      [](const py::array& img, const py::array& trimap, const Floats& guess, float prior, float prior_unsure,
         int iterations, float smallest_eigenvalue, std::size_t most_bytes, int threads) {
        const ClosedFormOptions options = {1e-7, prior, prior_unsure, iterations, smallest_eigenvalue};
        return closed_form(img, trimap, guess, options, most_bytes, threads);
      },
      "img"_a, "trimap"_a, "guess"_a, py::kw_only(), "prior"_a, "prior_unsure"_a, "iterations"_a,
      "smallest_eigenvalue"_a, "most_bytes"_a = 0, "threads"_a = 1,
      "Alpha [height, width] float32 of closed-form matting that begins with a guess; -1 where the trimap knows it.");
  m.def("cut_tiles", &cut_tiles, "trimap"_a, "halo"_a, "stride"_a, "least"_a, "pixels"_a, "unknown_only"_a,
        "The tiles of a picture, each (window, wanted).");
}

}  // namespace dim::testing
