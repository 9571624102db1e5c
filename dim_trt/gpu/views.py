"""Arrays of other packages in GPU memory: where they are, by DLPack or `__cuda_array_interface__`, and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.gpu.streams import LEGACY_STREAM, gpu_of, make_wait, stream_handle

MAX_SIDE_PX = 1 << 20
CUDA, _CUDA_MANAGED = 2, 13  # device types of DLPack
_TYPE_NAMES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}  # type codes of DLPack


def is_on_gpu(array: Any) -> bool:
    """Whether an object says that it is an array in GPU memory."""
    if isinstance(array, np.ndarray) or array is None:
        return False
    if hasattr(array, "__dlpack_device__"):
        return int(array.__dlpack_device__()[0]) in (CUDA, _CUDA_MANAGED)
    return hasattr(array, "__cuda_array_interface__")


def packed_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Bytes from an element to the next along each axis of an array without gaps."""
    return tuple(itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass(frozen=True)
class View:
    """Where an array is. `owner` keeps it there."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in bytes
    dtype: str
    read_only: bool
    owner: Any

    def extent(self) -> tuple[int, int]:
        """The first byte that belongs to the array, and the one after its last."""
        reach = [(side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True)]
        below, above = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach)
        return self.address + below, self.address + above + np.dtype(self.dtype).itemsize


def triple(view: View) -> tuple[int, tuple[int, int], tuple[int, ...]]:
    return view.address, (view.shape[0], view.shape[1]), view.strides


def lend(arrays: dict[str, Any], gpu: int, stream: Any) -> tuple[int, dict[str, View]]:
    """The stream's handle, which waits for the arrays, and where they are."""
    for name, array in arrays.items():
        if not is_on_gpu(array):
            raise InvalidInput(
                f"{name}: expected an array in GPU memory, as the others are, got {type(array).__name__} in host "
                "memory; copy it to the GPU, or the others to the host"
            )
    handle = LEGACY_STREAM if stream is None else stream_handle(stream)
    return handle, {name: _view(array, name, handle, gpu) for name, array in arrays.items()}


def _view(array: Any, name: str, stream: int, gpu: int) -> View:
    """DLPack is asked first: it says which GPU, and its maker has `stream` wait for what it has under way."""
    if hasattr(array, "__dlpack_device__"):
        return _from_dlpack(array, name, stream, gpu)
    return _from_interface(array, name, stream, gpu)


def _from_dlpack(array: Any, name: str, stream: int, gpu: int) -> View:
    _check_gpu(name, int(array.__dlpack_device__()[1]), gpu)
    try:
        try:
            capsule = array.__dlpack__(stream=stream, max_version=(1, 0))
        except TypeError:  # from before version 1
            capsule = array.__dlpack__(stream=stream)
    except BufferError as error:
        raise InvalidInput(f"{name}: its package does not lend it by DLPack: {error}") from error
    tensor = _core.dlpack_import(capsule)
    code, bits, lanes = tensor.dtype
    dtype = f"{_TYPE_NAMES.get(code, f'type {code} of ')}{bits}" + (f"x{lanes}" if lanes != 1 else "")
    return View(tensor.address, tensor.shape, tensor.strides_bytes, dtype, tensor.read_only, tensor)


def _from_interface(array: Any, name: str, stream: int, gpu: int) -> View:
    interface = array.__cuda_array_interface__
    if interface.get("version", 0) < 2 or interface.get("mask") is not None:
        raise InvalidInput(f"{name}: expected a __cuda_array_interface__ of version 2 or later without mask")
    try:
        dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
        address, read_only = interface["data"]
    except (KeyError, TypeError) as error:
        raise InvalidInput(
            f"{name}: expected a __cuda_array_interface__ with data, shape and typestr: {error}"
        ) from error
    _check_gpu(name, gpu_of(address, gpu), gpu)
    strides = interface.get("strides")
    if strides is None:
        strides = packed_strides(shape, dtype.itemsize)
    producer = interface.get("stream")
    if producer == 0:
        raise InvalidInput(
            f"{name}: expected None, 1, 2 or a handle as the stream of its __cuda_array_interface__, got 0"
        )
    if producer is not None:
        make_wait(stream, producer, gpu)
    native = dtype.name if dtype.isnative else dtype.str
    return View(address, shape, tuple(strides), native, bool(read_only), array)


def _check_gpu(name: str, found: int, gpu: int) -> None:
    if found != gpu:
        raise InvalidInput(f"{name}: expected an array on GPU {gpu}, where the engine is, got one on GPU {found}")


def check_picture(img: View) -> None:
    if img.dtype != "uint8":
        raise InvalidInput(f"img: expected dtype uint8, got {img.dtype}")
    if len(img.shape) != 3 or img.shape[2] != 3:
        raise InvalidInput(f"img: expected shape (height, width, 3), got {img.shape}")
    _check_sides(img, "img")


def check_plane(view: View, name: str, dtype: str) -> None:
    if view.dtype != dtype:
        raise InvalidInput(f"{name}: expected dtype {dtype}, got {view.dtype}")
    if len(view.shape) != 2:
        raise InvalidInput(f"{name}: expected shape (height, width), got {view.shape}")
    _check_sides(view, name)


def _check_sides(view: View, name: str) -> None:
    if not all(1 <= side <= MAX_SIDE_PX for side in view.shape[:2]):
        raise InvalidInput(f"{name}: expected sides of 1 to {MAX_SIDE_PX} pixels, got shape {view.shape}")


def check_aligned(view: View, name: str) -> None:
    if view.address % 4 or any(stride % 4 for stride in view.strides):
        raise InvalidInput(f"{name}: expected an aligned array, got one whose elements are not at multiples of 4 bytes")


def check_out(out: View, img: View, trimap: View) -> None:
    if out.dtype != "float32":
        raise InvalidInput(f"out: expected dtype float32, got {out.dtype}")
    if out.shape != img.shape[:2]:
        raise InvalidInput(f"out: expected shape {img.shape[:2]} as img, got {out.shape}")
    if out.read_only:
        raise InvalidInput("out: expected a writeable array, got a read-only one")
    check_aligned(out, "out")
    if any(side > 1 and stride == 0 for side, stride in zip(out.shape, out.strides, strict=True)):
        raise InvalidInput("out: expected memory for each pixel, got strides of 0")
    first, end = out.extent()
    if any(first < other_end and other < end for other, other_end in (img.extent(), trimap.extent())):
        raise InvalidInput("out: expected memory of its own, got memory it shares with img or trimap")
