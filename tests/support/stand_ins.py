"""What takes the place of the C++ engine, of GPU memory and of the packages that have arrays there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

import dim_trt
from dim_trt import _core
from tests.support.tiny_graphs import tiny_dim

SECONDS = 20.0  # more than anything here takes
CPU, CUDA, MANAGED = 1, 2, 13  # device types of DLPack


def tiny_plan(folder: Path) -> Path:
    """A plan for the CPU that is built and run in no time."""
    onnx.save(tiny_dim(), folder / "tiny.onnx")
    dim_trt.build_plan(folder / "tiny.onnx", folder / "tiny.plan", backend="cpu")
    return folder / "tiny.plan"


class SlowCore:
    """Stands in for the C++ engine: a run lasts until `go` is set, and returns its image."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.started: list[int] = []  # first pixel of each image
        self.running = self.most = 0

    def run(self, img: Any, _trimap: Any, _out: Any, _window: Any = None) -> Any:
        with self.lock:
            self.started.append(int(img[0, 0, 0]))
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.go.wait(SECONDS)
        with self.lock:
            self.running -= 1
        return img


def numbered(number: int) -> tuple[Any, Any]:
    return np.full((3, 5, 3), number, np.uint8), np.full((3, 5), 128, np.uint8)


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


def numpy_array(shape: tuple[int, ...], dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


class Interface:
    """As PyCUDA and Numba lend."""

    def __init__(self, array: Any, **change: Any):
        self.array = array
        self.__cuda_array_interface__ = {
            "version": 3,
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "strides": array.strides,
        } | change


class Dlpack:
    """As PyTorch and CuPy lend; remembers which streams were to wait."""

    def __init__(self, array: Any, device: tuple[int, int] = (CUDA, 0), versioned: bool = True):
        self.array, self.device, self.versioned = array, device, versioned
        self.streams: list[int] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **options: Any) -> Any:
        if not self.versioned and "max_version" in options:
            raise TypeError("unexpected keyword argument max_version")
        self.streams.append(options["stream"])
        dtype = ({"f": 2, "u": 1, "i": 0, "b": 6}[self.array.dtype.kind], 8 * self.array.itemsize)
        shape, strides = self.array.shape, self.array.strides
        return _core.dlpack_export(
            self.array,
            self.array.ctypes.data,
            shape,
            strides,
            dtype=dtype,
            device=self.device,
            versioned=self.versioned,
            read_only=self.versioned and not self.array.flags.writeable,
        )


class StandIn:
    """The C++ engine's part, without a GPU."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.foregrounds: list[Any] = []

    def run_on_gpu(self, *arguments: Any) -> None:
        self.runs.append(arguments)

    def foreground_on_gpu(self, *arguments: Any) -> None:
        self.foregrounds.append(arguments)

    def allocate(self, size: int) -> Any:
        memory = np.zeros(-(-size // 4), np.float32)
        return SimpleNamespace(address=memory.ctypes.data, memory=memory)

    def run(self, *_: Any) -> None:
        raise AssertionError("not for arrays in host memory")


def engine_on_gpu(plan: Path) -> tuple[Any, StandIn]:
    engine: Any = dim_trt.Engine(plan)
    engine._core, engine._device = StandIn(), "cuda:0"
    return engine, engine._core


IMG, TRIMAP, OUT = numpy_array((34, 19, 3)), numpy_array((34, 19)), np.zeros((34, 19), np.float32)
Lend = Callable[[Any], Any]
LENDERS: dict[str, Lend] = {
    "interface": Interface,
    "interface 2": lambda array: Interface(array, version=2),
    "dlpack": Dlpack,
    "dlpack 0": lambda array: Dlpack(array, versioned=False),
    "managed": lambda array: Dlpack(array, (MANAGED, 0)),
}
EVERY = pytest.mark.parametrize("lend", LENDERS.values(), ids=LENDERS.keys())


def triple(array: Any) -> Any:
    return array.ctypes.data, array.shape[:2], array.strides
