"""What an engine makes in GPU memory, and its calls with arrays that are there already."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import numpy as np

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.gpu.streams import LEGACY_STREAM, make_wait, stream_handle
from dim_trt.gpu.views import (
    CUDA,
    View,
    check_aligned,
    check_out,
    check_picture,
    check_plane,
    lend,
    packed_strides,
    triple,
)

_FLOAT32, _UINT8 = (2, 32), (1, 8)


class GpuPicture(Protocol):
    """An array of PyTorch, CuPy, PyCUDA, Numba, ... in GPU memory; one that has DLPack only will do as well."""

    @property
    def __cuda_array_interface__(self) -> Any: ...


class GpuArray:
    """What an engine made in GPU memory, without gaps: alpha [height, width] float32, which `Engine.run` returns for
    pictures on a GPU, or colors [height, width, 3] uint8 of `Engine.foreground`.

    Other packages take it as it is: torch.from_dlpack(alpha), cupy.from_dlpack(alpha), numba.cuda.as_cuda_array(alpha).
    They share its memory, which is freed with the last of them.
    """

    def __init__(
        self,
        memory: _core.GpuMemory,
        shape: tuple[int, ...],
        gpu: int,
        stream: int | None,
        made_on: Any,
        dtype: type[np.float32 | np.uint8] = np.float32,
    ):
        self._memory = memory
        self._shape = shape
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._gpu = gpu
        self._stream = stream  # None where it is there already
        self._made_on = made_on  # the stream's object, which must not go away first

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width) in pixels, for colors with a 3 behind."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 for alpha, uint8 for colors."""
        return self._dtype

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
        return CUDA, self._gpu

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule. `stream`, which None means the default one, waits for it; -1 leaves that to the caller.

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
            packed_strides(self._shape, self._dtype.itemsize),
            dtype=_FLOAT32 if self._dtype == np.float32 else _UINT8,
            device=self.__dlpack_device__(),
            versioned=max_version is not None and max_version[0] >= 1,
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("GpuArray: is in GPU memory; torch.from_dlpack(alpha).cpu().numpy() copies it to the host")

    def __repr__(self) -> str:
        return f"GpuArray(shape={self._shape}, dtype={self._dtype}, device={self.device!r})"


def prepare(core: _core.Engine, gpu: int, img: Any, trimap: Any, out: Any, stream: Any) -> Callable[[], Any]:
    """Checks arrays in GPU memory, and has the stream wait for them; the call that then runs the engine.

    It returns `out`, or a new GpuArray; with a stream that is not None, before the GPU is done. Raises InvalidInput.
    """
    arrays = {"img": img, "trimap": trimap} | ({} if out is None else {"out": out})
    handle, views = lend(arrays, gpu, stream)
    check_picture(views["img"])
    check_plane(views["trimap"], "trimap", "uint8")
    size = views["img"].shape[:2]
    if out is not None:
        check_out(views["out"], views["img"], views["trimap"])

    def run() -> Any:
        result, target = out, views.get("out")
        if target is None:
            memory = core.allocate(4 * math.prod(size))
            result = GpuArray(memory, size, gpu, None if stream is None else handle, stream)
            target = View(memory.address, size, packed_strides(size, 4), "float32", False, memory)
        core.run_on_gpu(triple(views["img"]), triple(views["trimap"]), triple(target), handle, stream is None)
        return result

    return run


def estimate_foreground(core: _core.Engine, gpu: int, img: Any, alpha: Any, stream: Any) -> tuple[GpuArray, GpuArray]:
    """The colors of `Engine.foreground` for arrays in GPU memory, with `stream` as `prepare`. Raises InvalidInput."""
    handle, views = lend({"img": img, "alpha": alpha}, gpu, stream)
    check_picture(views["img"])
    check_plane(views["alpha"], "alpha", "float32")
    check_aligned(views["alpha"], "alpha")
    shape = views["img"].shape
    if views["alpha"].shape != shape[:2]:
        raise InvalidInput(f"alpha: expected the height and width of img, {shape[:2]}, got {views['alpha'].shape}")
    ready_on = None if stream is None else handle
    foreground, background = (
        GpuArray(core.allocate(math.prod(shape)), shape, gpu, ready_on, stream, np.uint8) for _ in range(2)
    )
    core.foreground_on_gpu(
        triple(views["img"]),
        triple(views["alpha"]),
        foreground._memory.address,
        background._memory.address,
        handle,
        stream is None,
    )
    return foreground, background
