// The Python module dim_trt._core. The only file that includes Python; the GIL is released in one place, `unlocked`.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends.h"
#include "core/error.h"
#include "core/matting.h"
#include "core/plan.h"
#include "cpu/isa.h"
#include "cpu/operators.h"

namespace py = pybind11;
using namespace pybind11::literals;

namespace {

/// Runs `work` without the GIL. It must not touch Python objects.
template <typename Work>
auto unlocked(Work work) {
  const py::gil_scoped_release release;
  return work();
}

std::string shape_of(const py::array& array) {
  std::string out = "(";
  for (py::ssize_t i = 0; i < array.ndim(); ++i) out += (i != 0 ? ", " : "") + std::to_string(array.shape(i));
  return out + (array.ndim() == 1 ? ",)" : ")");
}

std::string dtype_of(const py::array& array) { return py::str(array.dtype()); }

template <typename T>
bool has_dtype(const py::array& array) {
  return py::dtype::of<T>().is(array.dtype()) || array.dtype().equal(py::dtype::of<T>());
}

py::array require_array(const py::handle& object, const char* name) {
  if (!py::isinstance<py::array>(object))
    throw dim::InvalidInput(std::string(name) + ": expected a numpy array, got " +
                            std::string(py::str(py::type::of(object).attr("__name__"))) + "; numpy.asarray makes one");
  return py::reinterpret_borrow<py::array>(object);
}

void require_uint8(const py::array& array, const char* name, const char* remedy) {
  if (!has_dtype<std::uint8_t>(array))
    throw dim::InvalidInput(std::string(name) + ": expected dtype uint8, got " + dtype_of(array) + "; " + remedy);
}

void require_some(const py::array& array, const char* name) {
  if (array.size() == 0)
    throw dim::InvalidInput(std::string(name) + ": expected height and width of at least 1, got shape " +
                            shape_of(array));
  if (array.shape(0) > (1 << 20) || array.shape(1) > (1 << 20))
    throw dim::InvalidInput(std::string(name) + ": expected sides of at most 1048576, got shape " + shape_of(array));
}

dim::Size size_of(const py::array& array) {
  return {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1))};
}

dim::ImageView image_view(const py::array& img) {
  require_uint8(img, "img", "for floats in 0..1 use numpy.round(img * 255).astype(numpy.uint8)");
  if (img.ndim() != 3 || img.shape(2) != 3)
    throw dim::InvalidInput("img: expected shape (height, width, 3), got " + shape_of(img) +
                            "; cv2.cvtColor turns gray or four-channel pictures into three channels");
  require_some(img, "img");
  return {static_cast<const std::uint8_t*>(img.data()), size_of(img), img.strides(0), img.strides(1), img.strides(2)};
}

dim::TrimapView trimap_view(const py::array& trimap) {
  require_uint8(trimap, "trimap", "it must hold 0 for background, 255 for foreground and anything else for unknown");
  if (trimap.ndim() != 2)
    throw dim::InvalidInput("trimap: expected shape (height, width), got " + shape_of(trimap) +
                            "; take one channel, trimap[:, :, 0]");
  require_some(trimap, "trimap");
  return {static_cast<const std::uint8_t*>(trimap.data()), size_of(trimap), trimap.strides(0), trimap.strides(1)};
}

bool overlaps(const py::array& a, const py::array& b) {
  return py::module_::import("numpy").attr("may_share_memory")(a, b).cast<bool>();
}

py::array alpha_array(const py::object& out, const py::array& img, const py::array& trimap) {
  if (out.is_none()) return py::array_t<float>({img.shape(0), img.shape(1)});
  py::array array = require_array(out, "out");
  if (!has_dtype<float>(array)) throw dim::InvalidInput("out: expected dtype float32, got " + dtype_of(array));
  if (array.ndim() != 2 || array.shape(0) != img.shape(0) || array.shape(1) != img.shape(1))
    throw dim::InvalidInput("out: expected shape (" + std::to_string(img.shape(0)) + ", " +
                            std::to_string(img.shape(1)) + ") as img, got " + shape_of(array));
  if (!array.writeable()) throw dim::InvalidInput("out: expected a writeable array, got a read-only one");
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(float) != 0 || array.strides(0) % 4 != 0 ||
      array.strides(1) % 4 != 0)
    throw dim::InvalidInput("out: expected an aligned array; numpy.empty makes one");
  if (overlaps(array, img) || overlaps(array, trimap))
    throw dim::InvalidInput("out: expected memory of its own, got memory it shares with img or trimap");
  return array;
}

bool parse_color(const std::string& color) {
  if (color != "bgr" && color != "rgb") throw dim::InvalidInput("color: expected 'bgr' or 'rgb', got '" + color + "'");
  return color == "rgb";
}

std::unique_ptr<dim::Matting> load(const std::string& path, int threads, const std::string& color,
                                   std::size_t strip_bytes) {
  if (threads < 0 || threads > 1024)
    throw dim::InvalidInput("threads: expected 1 to 1024, or 0 for every core, got " + std::to_string(threads));
  const bool rgb = parse_color(color);
  return unlocked([&] {
    const dim::Plan plan = dim::read_plan(path);
    return std::make_unique<dim::Matting>(plan, dim::make_backend(plan, {threads, rgb, strip_bytes}));
  });
}

py::array run_timed(const dim::Matting& matting, const py::object& img_object, const py::object& trimap_object,
                    const py::object& out, std::vector<dim::StepTime>* times) {
  const py::array img = require_array(img_object, "img");
  const py::array trimap = require_array(trimap_object, "trimap");
  const dim::ImageView image = image_view(img);
  const dim::TrimapView map = trimap_view(trimap);
  py::array alpha = alpha_array(out, img, trimap);
  const dim::AlphaView view = {static_cast<float*>(alpha.mutable_data()), image.size, alpha.strides(0),
                               alpha.strides(1)};
  const dim::RunInfo info = unlocked([&] { return matting.run(image, map, view, times); });
  if (info.known_pixels == 0 &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "trimap: no pixel is known (0 or 255), so the whole picture is guessed; mark some background and "
                   "some foreground",
                   2) != 0)
    throw py::error_already_set();
  return alpha;
}

py::array run(const dim::Matting& matting, const py::object& img, const py::object& trimap, const py::object& out) {
  return run_timed(matting, img, trimap, out, nullptr);
}

py::list profile(const dim::Matting& matting, const py::object& img, const py::object& trimap) {
  std::vector<dim::StepTime> times;
  run_timed(matting, img, trimap, py::none(), &times);
  py::list steps;
  for (const dim::StepTime& step : times) steps.append(py::make_tuple(step.name, step.ms));
  return steps;
}

py::dict cpu_capabilities() {
  py::list isas;
  for (const dim::cpu::Kernels* set : dim::cpu::available_kernels()) isas.append(set->name);
  return py::dict("isa"_a = dim::cpu::default_kernels().name, "available_isas"_a = isas,
                  "threads"_a = dim::cpu::default_threads());
}

// ---------------------------------------------------------------------------------- single operations, for tests

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Codes = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

dim::cpu::Planes planes_of(const Floats& array, const char* name) {
  if (array.ndim() != 3 || array.size() == 0)
    throw dim::InvalidInput(std::string(name) + ": expected shape (channels, height, width), got " + shape_of(array));
  return {static_cast<int>(array.shape(0)),
          {static_cast<int>(array.shape(1)), static_cast<int>(array.shape(2))},
          array.data()};
}

dim::cpu::ConvWeights weights_of(const Floats& weight, const Floats& bias, int in_channels) {
  if (weight.ndim() != 4 || weight.shape(1) != in_channels || weight.shape(2) != weight.shape(3) ||
      weight.shape(2) % 2 != 1 || bias.ndim() != 1 || bias.shape(0) != weight.shape(0))
    throw dim::InvalidInput("weight: expected shape (out, " + std::to_string(in_channels) +
                            ", k, k) with odd k, and a bias of shape (out,), got " + shape_of(weight) + " and " +
                            shape_of(bias));
  return {in_channels, static_cast<int>(weight.shape(0)), static_cast<int>(weight.shape(2)), weight.data(),
          bias.data()};
}

dim::cpu::OperatorOptions operator_options(const dim::cpu::ConvWeights& weights, bool unpool, bool relu,
                                           const std::string& algorithm, const std::string& isa, int threads) {
  const bool keep_ties = algorithm == "winograd-ties";
  const bool winograd = keep_ties || algorithm == "winograd";
  if (!winograd && algorithm != "direct")
    throw dim::InvalidInput("algorithm: expected 'direct', 'winograd' or 'winograd-ties', got '" + algorithm + "'");
  if (winograd && (weights.out_channels == 1 || !(weights.kernel == 5 || (weights.kernel == 3 && !unpool))))
    throw dim::InvalidInput("algorithm: winograd needs a 5x5 kernel, or 3x3 without unpooling, and several outputs");
  if (threads < 1) throw dim::InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  return {isa.empty() ? &dim::cpu::default_kernels() : &dim::cpu::kernels_named(isa), threads, relu, winograd,
          keep_ties};
}

template <typename T>
py::array_t<T> planes_array(const std::vector<T>& data, int channels, dim::Size size) {
  py::array_t<T> array({channels, size.height, size.width});
  std::copy(data.begin(), data.end(), array.mutable_data());
  return array;
}

py::array conv2d(const Floats& input, const Floats& weight, const Floats& bias, bool relu, const std::string& algorithm,
                 const std::string& isa, int threads) {
  const dim::cpu::Planes planes = planes_of(input, "input");
  const dim::cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const dim::cpu::OperatorOptions options = operator_options(weights, false, relu, algorithm, isa, threads);
  return planes_array(unlocked([&] { return dim::cpu::conv2d(planes, weights, options); }), weights.out_channels,
                      planes.size);
}

py::tuple conv2d_max_pool(const Floats& input, const Floats& weight, const Floats& bias, bool relu,
                          const std::string& algorithm, const std::string& isa, int threads) {
  const dim::cpu::Planes planes = planes_of(input, "input");
  if (planes.size.height % 2 != 0 || planes.size.width % 2 != 0)
    throw dim::InvalidInput("input: expected even height and width, got " + shape_of(input));
  const dim::cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const dim::cpu::OperatorOptions options = operator_options(weights, false, relu, algorithm, isa, threads);
  const dim::cpu::Pooled pooled = unlocked([&] { return dim::cpu::conv2d_max_pool(planes, weights, options); });
  const dim::Size half = {planes.size.height / 2, planes.size.width / 2};
  return py::make_tuple(planes_array(pooled.values, weights.out_channels, half),
                        planes_array(pooled.codes, weights.out_channels, half));
}

py::array unpool_conv2d(const Floats& input, const Codes& codes, const std::optional<Floats>& add, const Floats& weight,
                        const Floats& bias, bool relu, const std::string& algorithm, const std::string& isa,
                        int threads) {
  const dim::cpu::Planes planes = planes_of(input, "input");
  if (codes.ndim() != 3 || !std::equal(codes.shape(), codes.shape() + 3, input.shape()))
    throw dim::InvalidInput("codes: expected the input's shape " + shape_of(input) + ", got " + shape_of(codes));
  const dim::cpu::Planes skip = add ? planes_of(*add, "add") : dim::cpu::Planes{};
  const dim::Size size = {2 * planes.size.height, 2 * planes.size.width};
  if (add && (skip.channels != planes.channels || skip.size != size))
    throw dim::InvalidInput("add: expected the unpooled input's shape, got " + shape_of(*add));
  const dim::cpu::ConvWeights weights = weights_of(weight, bias, planes.channels);
  const dim::cpu::OperatorOptions options = operator_options(weights, true, relu, algorithm, isa, threads);
  return planes_array(unlocked([&] { return dim::cpu::unpool_conv2d(planes, codes.data(), skip, weights, options); }),
                      weights.out_channels, size);
}

void register_operators(py::module_& m) {
  m.def("conv2d", &conv2d, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "relu"_a = false, "algorithm"_a = "direct",
        "isa"_a = "", "threads"_a = 1, "\"Same\" convolution of (channels, height, width) float32.");
  m.def("conv2d_max_pool", &conv2d_max_pool, "input"_a, "weight"_a, "bias"_a, py::kw_only(), "relu"_a = false,
        "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1,
        "conv2d, then 2x2 max pooling: (values, argmax codes).");
  m.def("unpool_conv2d", &unpool_conv2d, "input"_a, "codes"_a, "add"_a, "weight"_a, "bias"_a, py::kw_only(),
        "relu"_a = false, "algorithm"_a = "direct", "isa"_a = "", "threads"_a = 1,
        "conv2d of input unpooled with codes, plus add or None.");
}

void register_errors() {
  const py::module_ errors = py::module_::import("dim_trt.errors");
  static PyObject* const error = py::object(errors.attr("Error")).release().ptr();
  static PyObject* const invalid_input = py::object(errors.attr("InvalidInput")).release().ptr();
  static PyObject* const plan_error = py::object(errors.attr("PlanError")).release().ptr();
  static PyObject* const unavailable = py::object(errors.attr("BackendUnavailable")).release().ptr();
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const dim::InvalidInput& e) {
      PyErr_SetString(invalid_input, e.what());
    } catch (const dim::PlanError& e) {
      PyErr_SetString(plan_error, e.what());
    } catch (const dim::BackendUnavailable& e) {
      PyErr_SetString(unavailable, e.what());
    } catch (const dim::Error& e) {
      PyErr_SetString(error, e.what());
    }
  });
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ side of dim_trt: plans, engines, CPU kernels.";
  register_errors();

  py::class_<dim::Matting>(m, "Engine", "A loaded plan. Safe to use from several threads at once.")
      .def(py::init(&load), "path"_a, py::kw_only(), "threads"_a = 0, "color"_a = "bgr",
           "strip_bytes"_a = dim::BackendOptions{}.strip_bytes)
      .def("run", &run, "img"_a, "trimap"_a, "out"_a = py::none(),
           "Alpha, HxW float32 in 0..1, of img (HxWx3 uint8) and trimap (HxW uint8).")
      .def("profile", &profile, "img"_a, "trimap"_a, "Runs once; (step, milliseconds) in the order they ran.")
      .def_property_readonly("header", &dim::Matting::header, "The plan's header, JSON.")
      .def_property_readonly("threads", [](const dim::Matting& self) { return self.backend().threads(); })
      .def_property_readonly("isa", [](const dim::Matting& self) { return self.backend().device(); });

  m.def(
      "read_plan_header", [](const std::string& path) { return unlocked([&] { return dim::read_plan(path).header; }); },
      "path"_a, "Reads and checks a whole plan file, its SHA-256 included; returns the header, JSON.");
  m.def("cpu_capabilities", &cpu_capabilities, "What the CPU backend can use on this machine.");
  register_operators(m);
}
