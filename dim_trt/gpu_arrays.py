"""Pictures and alpha in GPU memory, to and from other packages by DLPack or `__cuda_array_interface__`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.gpu_streams import LEGACY_STREAM, gpu_of, make_wait, stream_handle

MAX_SIDE_PX = 1 << 20
_CUDA, _CUDA_MANAGED = 2, 13  # device types of DLPack
_TYPE_NAMES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}  # type codes of DLPack
_FLOAT32 = (2, 32)


class GpuPicture(Protocol):
    """An array of PyTorch, CuPy, PyCUDA, Numba, ... in GPU memory; one that has DLPack only will do as well."""

    @property
    def __cuda_array_interface__(self) -> Any: ...


class GpuArray:
    """Alpha in GPU memory, [height, width] float32 without gaps; `Engine.run` returns it for pictures on a GPU.

    Other packages take it as it is: torch.from_dlpack(alpha), cupy.from_dlpack(alpha), numba.cuda.as_cuda_array(alpha).
    They share its memory, which is freed with the last of them.
    """

    def __init__(self, memory: _core.GpuMemory, shape: tuple[int, int], gpu: int, stream: int | None, made_on: Any):
        self._memory = memory
        self._shape = shape
        self._gpu = gpu
        self._stream = stream  # None where alpha is there already
        self._made_on = made_on  # the stream's object, which must not go away first

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return np.dtype(np.float32)

    @property
    def device(self) -> str:
        """ "cuda:N", the engine's GPU."""
        return f"cuda:{self._gpu}"

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": self._shape,
            "typestr": self.dtype.str,
            "data": (self._memory.address, False),
            "strides": None,
            "stream": self._stream,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CUDA, self._gpu

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule. `stream`, which None means the default one, waits for alpha; -1 leaves that to the caller.

        Raises BufferError for a copy or another device, which is not offered here.
        """
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError(
                f"GpuArray: expected copy=False and device {self.__dlpack_device__()}; copy it afterwards"
            )
        if stream != -1 and self._stream is not None:
            make_wait(LEGACY_STREAM if stream is None else stream_handle(stream), self._stream, self._gpu)
        return _core.dlpack_export(
            self._memory,
            self._memory.address,
            self._shape,
            (4 * self._shape[1], 4),
            dtype=_FLOAT32,
            device=self.__dlpack_device__(),
            versioned=max_version is not None and max_version[0] >= 1,
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("GpuArray: is in GPU memory; torch.from_dlpack(alpha).cpu().numpy() copies it to the host")

    def __repr__(self) -> str:
        return f"GpuArray(shape={self._shape}, dtype=float32, device={self.device!r})"


def is_on_gpu(array: Any) -> bool:
    """Whether an object says that it is an array in GPU memory."""
    if isinstance(array, np.ndarray) or array is None:
        return False
    if hasattr(array, "__dlpack_device__"):
        return int(array.__dlpack_device__()[0]) in (_CUDA, _CUDA_MANAGED)
    return hasattr(array, "__cuda_array_interface__")


def prepare(core: _core.Engine, gpu: int, img: Any, trimap: Any, out: Any, stream: Any) -> Callable[[], Any]:
    """Checks arrays in GPU memory, and has the stream wait for them; the call that then runs the engine.

    It returns `out`, or a new GpuArray; with a stream that is not None, before the GPU is done. Raises InvalidInput.
    """
    arrays = {"img": img, "trimap": trimap} | ({} if out is None else {"out": out})
    for name, array in arrays.items():
        if not is_on_gpu(array):
            raise InvalidInput(
                f"{name}: expected an array in GPU memory, as the others are, got {type(array).__name__} in host "
                "memory; copy it to the GPU, or the others to the host"
            )
    handle = LEGACY_STREAM if stream is None else stream_handle(stream)
    views = {name: _view(array, name, handle, gpu) for name, array in arrays.items()}
    _check_pictures(views["img"], views["trimap"])
    height, width = views["img"].shape[:2]
    if out is not None:
        _check_out(views["out"], views["img"], views["trimap"])

    def run() -> Any:
        result, target = out, views.get("out")
        if target is None:
            memory = core.allocate(4 * height * width)
            result = GpuArray(memory, (height, width), gpu, None if stream is None else handle, stream)
            target = _View(memory.address, (height, width), (4 * width, 4), "float32", False, memory)
        core.run_on_gpu(_triple(views["img"]), _triple(views["trimap"]), _triple(target), handle, stream is None)
        return result

    return run


@dataclass(frozen=True)
class _View:
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


def _triple(view: _View) -> tuple[int, tuple[int, int], tuple[int, ...]]:
    return view.address, (view.shape[0], view.shape[1]), view.strides


def _view(array: Any, name: str, stream: int, gpu: int) -> _View:
    """DLPack is asked first: it says which GPU, and its maker has `stream` wait for what it has under way."""
    if hasattr(array, "__dlpack_device__"):
        return _from_dlpack(array, name, stream, gpu)
    return _from_interface(array, name, stream, gpu)


def _from_dlpack(array: Any, name: str, stream: int, gpu: int) -> _View:
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
    return _View(tensor.address, tensor.shape, tensor.strides_bytes, dtype, tensor.read_only, tensor)


def _from_interface(array: Any, name: str, stream: int, gpu: int) -> _View:
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
        strides = [dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    producer = interface.get("stream")
    if producer == 0:
        raise InvalidInput(
            f"{name}: expected None, 1, 2 or a handle as the stream of its __cuda_array_interface__, got 0"
        )
    if producer is not None:
        make_wait(stream, producer, gpu)
    native = dtype.name if dtype.isnative else dtype.str
    return _View(address, shape, tuple(strides), native, bool(read_only), array)


def _check_gpu(name: str, found: int, gpu: int) -> None:
    if found != gpu:
        raise InvalidInput(f"{name}: expected an array on GPU {gpu}, where the engine is, got one on GPU {found}")


def _check_pictures(img: _View, trimap: _View) -> None:
    for name, view in (("img", img), ("trimap", trimap)):
        if view.dtype != "uint8":
            raise InvalidInput(f"{name}: expected dtype uint8, got {view.dtype}")
    if len(img.shape) != 3 or img.shape[2] != 3:
        raise InvalidInput(f"img: expected shape (height, width, 3), got {img.shape}")
    if len(trimap.shape) != 2:
        raise InvalidInput(f"trimap: expected shape (height, width), got {trimap.shape}")
    for name, view in (("img", img), ("trimap", trimap)):
        if not all(1 <= side <= MAX_SIDE_PX for side in view.shape[:2]):
            raise InvalidInput(f"{name}: expected sides of 1 to {MAX_SIDE_PX} pixels, got shape {view.shape}")


def _check_out(out: _View, img: _View, trimap: _View) -> None:
    if out.dtype != "float32":
        raise InvalidInput(f"out: expected dtype float32, got {out.dtype}")
    if out.shape != img.shape[:2]:
        raise InvalidInput(f"out: expected shape {img.shape[:2]} as img, got {out.shape}")
    if out.read_only:
        raise InvalidInput("out: expected a writeable array, got a read-only one")
    if out.address % 4 or any(stride % 4 for stride in out.strides):
        raise InvalidInput("out: expected an aligned array, got one whose elements are not at multiples of 4 bytes")
    if any(side > 1 and stride == 0 for side, stride in zip(out.shape, out.strides, strict=True)):
        raise InvalidInput("out: expected memory for each pixel, got strides of 0")
    first, end = out.extent()
    if any(first < other_end and other < end for other, other_end in (img.extent(), trimap.extent())):
        raise InvalidInput("out: expected memory of its own, got memory it shares with img or trimap")
