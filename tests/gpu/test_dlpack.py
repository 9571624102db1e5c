"""DLPack in C++: capsules of NumPy and PyTorch, on host memory."""

from __future__ import annotations

import ctypes
import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import dim_trt
from dim_trt import _core
from tests.support.stand_ins import CPU, numpy_array

VERSIONED = pytest.mark.parametrize("versioned", [False, True])


def capsule_of(array: Any, versioned: bool) -> Any:
    return array.__dlpack__(max_version=(1, 0) if versioned else None)


@VERSIONED
@pytest.mark.parametrize("package", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("dtype", "code"), [("uint8", 1), ("int16", 0), ("float32", 2), ("float64", 2), ("complex64", 5), ("bool", 6)]
)
def test_import_says_what_the_other_package_has(package: str, dtype: str, code: int, versioned: bool) -> None:
    whole = numpy_array((6, 10, 3), dtype)
    array = whole[1:5:2, 2:9]
    lent = array if package == "numpy" else torch.from_numpy(whole)[1:5:2, 2:9]
    tensor = _core.dlpack_import(capsule_of(lent, versioned))
    assert tensor.address == array.ctypes.data
    assert tensor.shape == array.shape
    assert tensor.strides_bytes == array.strides
    assert tensor.dtype == (code, 8 * array.itemsize, 1)
    assert tensor.device == (CPU, 0)
    assert not tensor.read_only


@VERSIONED
def test_import_of_odd_layouts(versioned: bool) -> None:
    base = numpy_array((7, 9))
    for array in (base[::-1, ::-2], base.T, np.array(7), np.zeros((7, 0), np.uint8)):
        tensor = _core.dlpack_import(capsule_of(array, versioned))
        assert (tensor.address, tensor.shape) == (array.ctypes.data, array.shape)
        if array.size > 1:
            assert tensor.strides_bytes == array.strides


def test_read_only_arrays_say_so() -> None:
    array = numpy_array((3, 5))
    array.flags.writeable = False
    assert _core.dlpack_import(capsule_of(array, versioned=True)).read_only


@VERSIONED
def test_an_imported_tensor_lives_as_long_as_it_is_used(versioned: bool) -> None:
    array = numpy_array((3, 5))
    alive = weakref.ref(array)
    tensor = _core.dlpack_import(capsule_of(array, versioned))
    del array
    gc.collect()
    assert alive() is not None
    del tensor
    gc.collect()
    assert alive() is None


@VERSIONED
def test_a_capsule_is_used_once(versioned: bool) -> None:
    capsule = capsule_of(numpy_array((3, 5)), versioned)
    tensor = _core.dlpack_import(capsule)
    with pytest.raises(dim_trt.InvalidInput, match=r"a capsule that nobody has used yet, got .*used_dltensor"):
        _core.dlpack_import(capsule)
    del capsule
    assert tensor.shape == (3, 5)
    for wrong in (3, None, numpy_array((2, 2))):
        with pytest.raises(dim_trt.InvalidInput, match="DLPack: expected a capsule"):
            _core.dlpack_import(wrong)


def edit(capsule: Any, name: bytes, offset: int, kind: Any, value: int) -> None:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    kind.from_address(pointer(capsule, name) + offset).value = value


@pytest.mark.parametrize(
    ("versioned", "offset", "kind", "value", "message"),
    [
        (True, 0, ctypes.c_uint32, 2, "expected version 1, got 2.0"),
        (False, 16, ctypes.c_int32, -1, "expected 0 to 64 axes and a shape, got -1"),
        (False, 16, ctypes.c_int32, 65, "expected 0 to 64 axes and a shape, got 65"),
        (False, 21, ctypes.c_uint8, 4, "expected elements of whole bytes, got 4 bits"),
    ],
)
def test_what_cannot_be_taken_is_given_back(versioned: bool, offset: int, kind: Any, value: int, message: str) -> None:
    array = numpy_array((3, 5))
    alive = weakref.ref(array)
    capsule = capsule_of(array, versioned)
    edit(capsule, b"dltensor_versioned" if versioned else b"dltensor", offset, kind, value)
    del array
    with pytest.raises(dim_trt.InvalidInput, match=message):
        _core.dlpack_import(capsule)
    gc.collect()
    assert alive() is None


class Lender:
    """Host memory, lent as GpuArray lends that of a GPU."""

    def __init__(self, array: Any, read_only: bool = False):
        self.array, self.read_only = array, read_only

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU, 0

    def __dlpack__(self, *, max_version: tuple[int, int] | None = None, **_: Any) -> Any:
        dtype = self.array.dtype
        return _core.dlpack_export(
            self,
            self.array.ctypes.data,
            self.array.shape,
            self.array.strides,
            dtype=({"f": 2, "u": 1}[dtype.kind], 8 * dtype.itemsize),
            device=(CPU, 0),
            versioned=max_version is not None,
            read_only=self.read_only,
        )


@pytest.mark.parametrize("package", [np, torch], ids=["numpy", "torch"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_other_packages_take_what_is_exported(package: Any, dtype: Any) -> None:
    array = numpy_array((6, 10), dtype)
    lender = Lender(array[::2, 1:8:3])
    alive = weakref.ref(lender)
    taken = package.from_dlpack(lender)
    np.testing.assert_array_equal(np.asarray(taken), array[::2, 1:8:3])
    array[0, 1] = 77
    assert taken[0, 0] == 77
    view = taken[1:]
    del lender, taken
    gc.collect()
    assert alive() is not None
    del view
    gc.collect()
    assert alive() is None


@VERSIONED
def test_an_export_that_nobody_takes_is_freed(versioned: bool) -> None:
    lender = Lender(numpy_array((3, 5)))
    alive = weakref.ref(lender)
    capsule = lender.__dlpack__(max_version=(1, 0) if versioned else None)
    del lender
    assert alive() is not None
    del capsule
    assert alive() is None


@VERSIONED
def test_out_and_in_again(versioned: bool) -> None:
    array = numpy_array((3, 5), np.float32)
    lender = Lender(array, read_only=versioned)
    alive = weakref.ref(lender)
    for _ in range(1000):
        tensor = _core.dlpack_import(lender.__dlpack__(max_version=(1, 0) if versioned else None))
    assert (tensor.address, tensor.shape, tensor.strides_bytes) == (array.ctypes.data, (3, 5), (20, 4))
    assert tensor.read_only == versioned
    del tensor, lender
    assert alive() is None


def test_exports_that_cannot_be() -> None:
    options: Any = {"dtype": (2, 32), "device": (CPU, 0), "versioned": False}
    for shape, strides, change in [
        ((3, 5), (4,), {}),
        ((3,), (6,), {}),
        ((3,), (4,), {"dtype": (2, 4)}),
        ((3,), (4,), {"read_only": True}),
    ]:
        with pytest.raises(dim_trt.InvalidInput, match="DLPack: "):
            _core.dlpack_export(None, 0, shape, strides, **(options | change))
