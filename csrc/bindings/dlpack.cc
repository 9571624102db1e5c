// DLPack, the exchange of arrays between Python packages, with and without version: https://dmlc.github.io/dlpack
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bindings/register.h"

namespace dim::bindings {
namespace {

namespace py = pybind11;
using namespace pybind11::literals;

// The structures of dlpack.h, whose layout is fixed.
struct Device {
  std::int32_t type, id;
};

struct DataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: rows without gaps
  std::uint64_t byte_offset;
};

struct Managed {
  static constexpr const char* kName = "dltensor";
  static constexpr const char* kUsedName = "used_dltensor";

  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};

struct ManagedVersioned {
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kUsedName = "used_dltensor_versioned";

  std::uint32_t major, minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Tensor tensor;
};

constexpr std::uint32_t kMajor = 1, kMinor = 0;
constexpr std::uint64_t kReadOnly = 1;
constexpr int kMaxAxes = 64;

/// A tensor that another package lent; given back with this object.
struct Imported {
  std::shared_ptr<const void> owner;
  const Tensor* tensor = nullptr;
  bool read_only = false;

  std::uintptr_t address() const { return reinterpret_cast<std::uintptr_t>(tensor->data) + tensor->byte_offset; }
  int axes() const { return tensor->ndim; }
  std::int64_t element_bytes() const { return std::int64_t{tensor->dtype.bits} * tensor->dtype.lanes / 8; }

  py::tuple shape() const {
    py::tuple sides(axes());
    for (int i = 0; i < axes(); ++i) sides[i] = tensor->shape[i];
    return sides;
  }

  py::tuple strides_bytes() const {
    py::tuple strides(axes());
    std::int64_t dense = element_bytes();
    for (int i = axes() - 1; i >= 0; --i) {
      strides[i] = tensor->strides == nullptr ? dense : tensor->strides[i] * element_bytes();
      dense *= tensor->shape[i];
    }
    return strides;
  }
};

bool is_read_only(const Managed&) { return false; }
bool is_read_only(const ManagedVersioned& managed) { return (managed.flags & kReadOnly) != 0; }

void check_version(const Managed&) {}
void check_version(const ManagedVersioned& managed) {
  if (managed.major != kMajor)
    throw InvalidInput("DLPack: expected version " + std::to_string(kMajor) + ", got " + std::to_string(managed.major) +
                       "." + std::to_string(managed.minor));
}

void check_tensor(const Tensor& tensor) {
  if (tensor.ndim < 0 || tensor.ndim > kMaxAxes || (tensor.ndim > 0 && tensor.shape == nullptr))
    throw InvalidInput("DLPack: expected 0 to 64 axes and a shape, got " + std::to_string(tensor.ndim) + " axes");
  if (tensor.dtype.bits * tensor.dtype.lanes % 8 != 0)
    throw InvalidInput("DLPack: expected elements of whole bytes, got " +
                       std::to_string(tensor.dtype.bits * tensor.dtype.lanes) + " bits");
}

/// From here on the tensor is ours, and its deleter is called whatever happens.
template <typename T>
Imported take(const py::handle& capsule) {
  auto* managed = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), T::kName));
  if (managed == nullptr || PyCapsule_SetName(capsule.ptr(), T::kUsedName) != 0) throw py::error_already_set();
  const std::shared_ptr<const void> owner(managed, [managed](const void*) {
    if (managed->deleter != nullptr) managed->deleter(managed);
  });
  check_version(*managed);
  check_tensor(managed->tensor);
  return {owner, &managed->tensor, is_read_only(*managed)};
}

Imported import_capsule(const py::object& capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), Managed::kName) != 0) return take<Managed>(capsule);
  if (PyCapsule_IsValid(capsule.ptr(), ManagedVersioned::kName) != 0) return take<ManagedVersioned>(capsule);
  throw InvalidInput("DLPack: expected a capsule that nobody has used yet, got " +
                     std::string(py::str(py::repr(capsule))));
}

/// What an exported tensor points into.
template <typename T>
struct Export {
  T managed = {};
  std::vector<std::int64_t> shape, strides;
  PyObject* owner = nullptr;
};

/// The consumer is done; it may be on any thread, and the interpreter may be gone.
template <typename T>
void give_back(T* managed) {
  const std::unique_ptr<Export<T>> exported(static_cast<Export<T>*>(managed->context));
  if (Py_IsInitialized() == 0) return;
  const py::gil_scoped_acquire gil;
  Py_DECREF(exported->owner);
}

/// Nobody consumed the capsule.
template <typename T>
void drop_unused(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, T::kName) == 0) return;
  const py::error_scope keep;
  auto* managed = static_cast<T*>(PyCapsule_GetPointer(capsule, T::kName));
  managed->deleter(managed);
}

void set_flags(Managed&, bool) {}
void set_flags(ManagedVersioned& managed, bool read_only) {
  managed.major = kMajor, managed.minor = kMinor;
  managed.flags = read_only ? kReadOnly : 0;
}

template <typename T>
py::object export_as(const py::object& owner, Tensor tensor, std::vector<std::int64_t> shape,
                     std::vector<std::int64_t> strides, bool read_only) {
  auto exported = std::make_unique<Export<T>>();
  exported->shape = std::move(shape), exported->strides = std::move(strides);
  tensor.shape = exported->shape.data(), tensor.strides = exported->strides.data();
  T& managed = exported->managed;
  managed.tensor = tensor, managed.context = exported.get(), managed.deleter = &give_back<T>;
  set_flags(managed, read_only);
  PyObject* capsule = PyCapsule_New(&managed, T::kName, &drop_unused<T>);
  if (capsule == nullptr) throw py::error_already_set();
  exported.release()->owner = py::object(owner).release().ptr();  // `give_back` deletes it
  return py::reinterpret_steal<py::object>(capsule);
}

py::object export_capsule(const py::object& owner, std::uintptr_t address, std::vector<std::int64_t> shape,
                          std::vector<std::int64_t> strides_bytes, std::pair<int, int> dtype,
                          std::pair<int, int> device, bool versioned, bool read_only) {
  const auto [code, bits] = dtype;
  if (shape.size() != strides_bytes.size() || shape.size() > kMaxAxes || bits < 8 || bits > 128 || bits % 8 != 0)
    throw InvalidInput("DLPack: expected a stride for each side, and elements of 8 to 128 bits");
  if (read_only && !versioned) throw InvalidInput("DLPack: read-only arrays need a consumer of version 1");
  for (std::int64_t& stride : strides_bytes) {
    if (stride % (bits / 8) != 0) throw InvalidInput("DLPack: expected strides of whole elements");
    stride /= bits / 8;
  }
  const Tensor tensor = {reinterpret_cast<void*>(address),
                         {device.first, device.second},
                         static_cast<int>(shape.size()),
                         {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits), 1},
                         nullptr,
                         nullptr,
                         0};
  return versioned ? export_as<ManagedVersioned>(owner, tensor, std::move(shape), std::move(strides_bytes), read_only)
                   : export_as<Managed>(owner, tensor, std::move(shape), std::move(strides_bytes), read_only);
}

}  // namespace

void register_dlpack(py::module_& m) {
  py::class_<Imported>(m, "DlpackTensor", "A tensor of another package; given back with this object.")
      .def_property_readonly("address", &Imported::address, "Of the first element.")
      .def_property_readonly("shape", &Imported::shape)
      .def_property_readonly("strides_bytes", &Imported::strides_bytes)
      .def_property_readonly(
          "dtype",
          [](const Imported& self) {
            const DataType& dtype = self.tensor->dtype;
            return py::make_tuple(dtype.code, dtype.bits, dtype.lanes);
          },
          "(code, bits, lanes) as DLPack numbers them.")
      .def_property_readonly(
          "device",
          [](const Imported& self) { return py::make_tuple(self.tensor->device.type, self.tensor->device.id); },
          "(type, number) as DLPack numbers them.")
      .def_readonly("read_only", &Imported::read_only);
  m.def("dlpack_import", &import_capsule, "capsule"_a, "Takes over what __dlpack__ returned.");
  m.def("dlpack_export", &export_capsule, "owner"_a, "address"_a, "shape"_a, "strides_bytes"_a, py::kw_only(),
        "dtype"_a, "device"_a, "versioned"_a, "read_only"_a = false,
        "A capsule for __dlpack__ to return. `owner` lives until its consumer is done; dtype is (code, bits), device "
        "(type, number).");
}

}  // namespace dim::bindings
