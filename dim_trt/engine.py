"""A plan for matting, loaded."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.arrays import host_arrays
from dim_trt.engine_options import (
    TensorRtRun,
    Window,
    check_no_stream,
    check_no_window,
    check_timeout,
    check_trimap,
    checked_window,
    uses_gpu_arrays,
)
from dim_trt.files import StrPath
from dim_trt.foreground import Level, check_matted
from dim_trt.gpu.arrays import GpuArray, GpuPicture, estimate_foreground, prepare
from dim_trt.loaded_plan import LoadedPlan
from dim_trt.workers import Workers

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
GpuOut = TypeVar("GpuOut", bound=GpuPicture)


class Engine(LoadedPlan[_core.Engine]):
    """Turns image and trimap into alpha. One engine may be used from many threads; the GIL is released while it runs.

    Args:
        plan: path of a plan that `build_plan` wrote; "lite" is the shipped model, built once and cached.
        device: "cpu", "cuda" or "cuda:N"; "auto" is what the plan was built for, and says so in one log line.
        threads: how many CPU threads one run may use; None uses all cores. Only for plans of the cpu backend.
        color: the channel order of the images, "bgr" as OpenCV gives them, or "rgb".
        max_concurrent: how many runs of `submit` and `stream` go on at a time, and on a GPU those of `run` too; each
            has its own memory. None is 1 on the CPU and 2 on a GPU, where one copies while the other computes.
        memory_limit_mb: how much working memory each run may take, in MiB, beside the plan and the caller's arrays. A
            picture that would take more is run in tiles, one after the other; they overlap by all that the network
            sees, so alpha is the same up to rounding (1e-5), and the overlaps are computed twice. None: 448, or a
            quarter of the memory of machine or cgroup where that is less, and at least what the smallest tile takes.
            0: as much as it takes. Only for plans of the cpu backend; one of the tensorrt backend was built for sizes
            up to a largest one, and takes larger pictures in tiles of that size.
        max_pixels: the most pixels (height · width) of a picture that is taken; None: any number.
        orientations: 1, 2 or 8. Alpha is the mean of what the network says about the picture, with 2 about its mirror
            image too, with 8 about both turned by each quarter: better, for so many times the work and no more memory.
        closed_form: closed-form matting (Levin, Lischinski, Weiss, PAMI 2008) goes on from the network's alpha: on
            photographs better than either alone, for about twice the time. Takes another 4 bytes a pixel and, after
            the network, up to `memory_limit_mb` once more; for plans of either backend, and arrays in host memory.
        tensorrt: choices that only plans of the tensorrt backend have.

    `close`, or a with statement, waits for what was submitted and frees the plan's memory. An engine is pickled as its
    arguments: where it is unpickled, the plan is read again from its path.

    Raises:
        InvalidInput: an argument is not one of the above, or is for plans of the other backend; or `memory_limit_mb`
            is less than the smallest tile takes, which the message says.
        PlanError: the plan is missing, damaged, or was made for another version, backend or machine.
        BackendUnavailable: the device was asked for and is not there.
    """

    def __init__(
        self,
        plan: StrPath,
        device: str = "auto",
        threads: int | None = None,
        color: str = "bgr",
        *,
        max_concurrent: int | None = None,
        memory_limit_mb: int | None = None,
        max_pixels: int | None = None,
        orientations: int = 1,
        closed_form: bool = False,
        tensorrt: TensorRtRun | None = None,
    ):
        super().__init__(
            _core.Engine,
            plan,
            device=device,
            threads=threads,
            color=color,
            max_concurrent=max_concurrent,
            memory_limit_mb=memory_limit_mb,
            max_pixels=max_pixels,
            orientations=orientations,
            closed_form=closed_form,
            tensorrt=tensorrt,
        )
        core = self._open_core()
        self._settings |= {
            "orientations": orientations,
            "closed_form": closed_form,
            "memory_limit_mb": (core.memory_limit_bytes >> 20 or None) if self._device == "cpu" else None,
            "max_pixels": max_pixels,
            "halo_px": core.halo_px,
        }
        self._max_concurrent = max_concurrent or core.max_concurrent
        self._workers = Workers(self._max_concurrent)

    @overload
    def run(self, img: U8, trimap: U8, out: F32 | None = None, *, window: Window | None = None) -> F32: ...
    @overload
    def run(self, img: GpuPicture, trimap: GpuPicture, out: None = None, *, stream: Any = None) -> GpuArray: ...
    @overload
    def run(self, img: GpuPicture, trimap: GpuPicture, out: GpuOut, *, stream: Any = None) -> GpuOut: ...
    def run(self, img: Any, trimap: Any, out: Any = None, *, window: Window | None = None, stream: Any = None) -> Any:
        """Alpha of one picture.

        Args:
            img: [height, width, 3] uint8 in the engine's channel order, 0..255; any height and width from 1 px,
                strided and read-only arrays are fine, and what has DLPack, such as PyTorch's tensors.
            trimap: [height, width] uint8: 0 is background, 255 foreground, every other value unknown. Labels (no value
                above 15, but not 0 everywhere) are refused; in GPU memory nothing looks for them.
            out: [height, width] float32 to write into, so that nothing is allocated; returned.
            window: (top, left, height, width) in pixels, the part of the picture whose alpha is wanted, for the time
                that this part takes: only it is written and returned, as a view of `out` or of an array as large. Only
                for arrays in host memory.
            stream: only for arrays in GPU memory, see below.

        Returns:
            Alpha [height, width] float32 in 0..1: exactly 0 and 1 where the trimap is known; with `window` its part of
            that, up to rounding (1e-5).

        An engine on a GPU takes arrays in its memory as well, of PyTorch, CuPy, PyCUDA, Numba or whatever has DLPack
        or `__cuda_array_interface__`, all of them or none, and then returns `out` or a new GpuArray. Without `stream`
        the call waits for alpha. With one (a CUDA handle, or an object of these packages) it does not: alpha is there
        for what this stream does next; leave the arrays as they are and alive until it got there, and the pictures are
        run whole, as finding their unknown part would mean to wait.

        Raises:
            InvalidInput: an array has the wrong dtype, rank, size, channels or memory; the message names it.
        """
        core = self._open_core()
        if uses_gpu_arrays(self._device, img=img, trimap=trimap, out=out):
            check_no_window(window)
            return prepare(core, self._gpu, img, trimap, out, stream)()
        check_no_stream(stream)
        host, part = host_arrays(img, trimap, out), checked_window(window)
        check_trimap(host[1])
        return _wanted(core.run(*host, part), out, part)  # called here: what it warns of is the caller's line

    @overload
    def submit(
        self, img: U8, trimap: U8, out: F32 | None = None, *, window: Window | None = None, timeout: float | None = None
    ) -> Future[F32]: ...
    @overload
    def submit(
        self, img: GpuPicture, trimap: GpuPicture, out: None = None, *, timeout: float | None = None
    ) -> Future[GpuArray]: ...
    @overload
    def submit(
        self, img: GpuPicture, trimap: GpuPicture, out: GpuOut, *, timeout: float | None = None
    ) -> Future[GpuOut]: ...
    def submit(
        self, img: Any, trimap: Any, out: Any = None, *, window: Window | None = None, timeout: float | None = None
    ) -> Future[Any]:
        """Starts a run and returns a future of what `run` returns; `max_concurrent` runs go on at a time, in order.

        While twice as many are pending there is no room, so that memory is bounded. The arrays must stay as they are
        until the future is done.

        Args:
            img, trimap, out, window: those of `run`.
            timeout: how many seconds it blocks for room at most; 0 never blocks, as event loops and callbacks of
                futures want it. None: until there is room.

        Raises:
            Busy: there was no room in that time; nothing was started.
            InvalidInput: an array has the wrong dtype, rank or channels, timeout is no such number, or the engine was
                closed. A size that the plan does not take is raised by the future.
        """
        core = self._open_core()
        check_timeout(timeout)
        if uses_gpu_arrays(self._device, img=img, trimap=trimap, out=out):
            check_no_window(window)
            return self._workers.submit(prepare(core, self._gpu, img, trimap, out, None), timeout)
        host, part = host_arrays(img, trimap, out), checked_window(window)
        _core.check_arrays(*host)
        check_trimap(host[1])
        return self._workers.submit(lambda: _wanted(core.run(*host, part), out, part), timeout)

    @overload
    def foreground(self, img: NDArray[Level], alpha: NDArray[np.floating]) -> tuple[NDArray[Level], NDArray[Level]]: ...
    @overload
    def foreground(self, img: GpuPicture, alpha: GpuPicture, *, stream: Any = None) -> tuple[GpuArray, GpuArray]: ...
    def foreground(self, img: Any, alpha: Any, *, stream: Any = None) -> tuple[Any, Any]:
        """Colors of foreground and background under a matte, estimated where the engine runs: on its GPU, or on the
        CPU with its threads. See `dim_trt.foreground`.

        Args:
            img: [height, width, 3] uint8, or float32 in 0..1; any channel order. In GPU memory uint8.
            alpha: [height, width] floating point in 0..1, of `run` or from elsewhere. In GPU memory float32.
            stream: only for arrays in GPU memory, as for `run`.

        Returns:
            (foreground, background), each of img's shape and type; for arrays in GPU memory a GpuArray. Where alpha is
            exactly 1 the foreground is img to the bit, where it is exactly 0 the background is. Both backends agree
            where alpha is between 0 and 1; elsewhere the other layer, which is invisible, may differ.

        Raises:
            InvalidInput: an array has another type, shape, range or memory.
        """
        core = self._open_core()
        if uses_gpu_arrays(self._device, img=img, alpha=alpha):
            return estimate_foreground(core, self._gpu, img, alpha, stream)
        check_no_stream(stream)
        return core.foreground(*check_matted(img, alpha))

    def profile(self, img: U8, trimap: U8) -> list[tuple[str, float]]:
        """Runs once and says where the time went: (step, milliseconds), in the order the steps ran.

        Steps that compute in int8 say so. Arguments and errors are those of `run`, for arrays in host memory. The first
        run on a new size is slower: it lays out its memory.
        """
        return self._open_core().profile(*host_arrays(img, trimap, None)[:2])

    def close(self) -> None:
        """Waits for what was submitted, then lets go of the plan. What is called later raises InvalidInput."""
        self._workers.close()
        super().close()

    @property
    def max_concurrent(self) -> int:
        """How many runs of `submit` and `stream` go on at a time."""
        return self._max_concurrent

    @property
    def info(self) -> dict[str, Any]:
        """What runs: task, network, backend, device, precision (what computes), weights (how they are stored), isa (the
        CPU's instruction set; None on a GPU), gpu_name (None on the CPU), threads (of the CPU), layers (on the CPU what
        each convolution computes in, by name: "fp32" or "int8"; None on a GPU), color, orientations, closed_form,
        memory_limit_mb, max_pixels, halo_px (how far from a pixel of alpha a run looks), inputs, outputs, model,
        preprocessing, shapes, producer, source and path."""
        return super().info


def _wanted(alpha: F32, out: Any, window: Window | None) -> Any:
    """What was asked for of alpha, in the caller's own object where there is one."""
    whole = alpha if out is None else out
    if window is None:
        return whole
    top, left, height, width = window
    return whole[top : top + height, left : left + width]
