"""CUDA streams of other packages: which stream a run is on, and which waits for which."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt.gpu import streams
from tests.support.stand_ins import (
    IMG,
    OUT,
    TRIMAP,
    Dlpack,
    Interface,
)

pytestmark = pytest.mark.public


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """What dim_trt has one stream wait for another: (stream, the one it waits for, GPU)."""
    seen: list[tuple[int, int, int]] = []

    def record(stream: int, producer: int, gpu: int) -> None:
        if stream != producer:
            seen.append((stream, producer, gpu))

    for module in ("arrays", "views"):
        monkeypatch.setattr(f"dim_trt.gpu.{module}.make_wait", record)
    return seen


class Cuda:
    def __init__(self, version: int = 0, handle: int = 78):
        self.pair = version, handle

    def __cuda_stream__(self) -> tuple[int, int]:
        return self.pair


def name_of(value: object) -> str:
    """The same in every process: no address."""
    return type(value).__name__ if " at 0x" in str(value) else str(value)


STREAMS: list[tuple[Any, int]] = [
    (0, 1),
    (1, 1),
    (2, 2),
    (0x7F12, 0x7F12),
    (np.int64(5), 5),
    (SimpleNamespace(cuda_stream=0), 1),
    (SimpleNamespace(cuda_stream=99), 99),
    (SimpleNamespace(ptr=98), 98),
    (SimpleNamespace(handle=97), 97),
    (SimpleNamespace(handle=ctypes.c_void_p(96)), 96),
    (SimpleNamespace(handle=ctypes.c_void_p(None)), 1),
    (Cuda(), 78),
    (SimpleNamespace(__cuda_stream__=(0, 79)), 79),
]


@pytest.mark.parametrize(("stream", "handle"), STREAMS, ids=name_of)
def test_with_a_stream_nothing_waits(gpu_engine: Any, waits: Any, stream: Any, handle: int) -> None:
    engine, core = gpu_engine
    img, trimap = Dlpack(IMG), Interface(TRIMAP)
    alpha = engine.run(img, trimap, stream=stream)
    assert core.runs[-1][3:] == (handle, False)
    assert img.streams == [handle]
    assert alpha.__cuda_array_interface__["stream"] == handle
    assert waits == []
    alpha.__dlpack__(stream=handle)
    alpha.__dlpack__(stream=-1)
    assert waits == []
    alpha.__dlpack__(stream=55)
    alpha.__dlpack__()
    assert waits == [(55, handle, 0)] + [(1, handle, 0)] * (handle != 1)


@pytest.mark.parametrize(
    "stream", [-1, True, "1", 1.0, object(), SimpleNamespace(ptr=None), Cuda(version=1)], ids=name_of
)
def test_what_is_no_stream(gpu_engine: Any, stream: Any) -> None:
    with pytest.raises(dim_trt.InvalidInput, match="stream: expected"):
        gpu_engine[0].run(Dlpack(IMG), Dlpack(TRIMAP), stream=stream)


def test_a_window_is_for_arrays_in_the_hosts_memory(gpu_engine: Any) -> None:
    engine, core = gpu_engine
    for call in (engine.run, engine.submit):
        with pytest.raises(dim_trt.InvalidInput, match="window: expected None for arrays in GPU memory"):
            call(Dlpack(IMG), Dlpack(TRIMAP), window=(0, 0, 1, 1))
    assert core.runs == []


def test_the_stream_of_an_interface_is_waited_for(gpu_engine: Any, waits: Any) -> None:
    engine, core = gpu_engine
    engine.run(Interface(IMG, stream=None), Interface(TRIMAP, stream=1))
    assert waits == []
    engine.run(Interface(IMG, stream=2), Interface(TRIMAP, stream=77), Interface(OUT, stream=78))
    assert waits == [(1, 2, 0), (1, 77, 0), (1, 78, 0)]
    assert core.runs[-1][3:] == (1, True)
    engine.run(Interface(IMG, stream=76), Interface(TRIMAP, stream=1), stream=76)
    assert waits[3:] == [(76, 1, 0)]
    with pytest.raises(dim_trt.InvalidInput, match=r"trimap: expected None, 1, 2 or a handle as the stream.*got 0"):
        engine.run(Interface(IMG), Interface(TRIMAP, stream=0))


class Driver:
    """libcuda, of which only the names of what is called are left."""

    def __init__(self, fails: str = ""):
        self.calls: list[str] = []
        self.fails = fails

    def __getattr__(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            values = [argument.value for argument in arguments if hasattr(argument, "value")]
            self.calls.append(f"{name} {values}")
            return 400 if name == self.fails else 0

        return call


def test_one_stream_waits_for_another_by_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    monkeypatch.setattr(streams, "_driver", lambda: driver)
    streams.make_wait(5, 5, 0)
    assert driver.calls == []
    streams.make_wait(5, 6, 3)
    assert driver.calls == [
        "cuInit [0]",
        "cuDeviceGet [3]",
        "cuDevicePrimaryCtxRetain [0]",
        "cuCtxPushCurrent_v2 [None]",
        "cuEventCreate [2]",
        "cuEventRecord [None, 6]",
        "cuStreamWaitEvent [5, None, 0]",
        "cuEventDestroy_v2 [None]",
        "cuCtxPopCurrent_v2 []",
        "cuDevicePrimaryCtxRelease_v2 [0]",
    ]
    failing = Driver("cuEventRecord")
    monkeypatch.setattr(streams, "_driver", lambda: failing)
    with pytest.raises(dim_trt.Error, match="cuEventRecord failed with error 400"):
        streams.make_wait(5, 6, 0)
    assert [call.split()[0] for call in failing.calls[-3:]] == [
        "cuEventDestroy_v2",
        "cuCtxPopCurrent_v2",
        "cuDevicePrimaryCtxRelease_v2",
    ]


def test_the_driver_says_whose_memory_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Knows(Driver):
        def cuPointerGetAttribute(self, ordinal: Any, attribute: Any, address: Any) -> int:  # noqa: N802
            ordinal._obj.value = 3
            return int((attribute.value, address.value) != (9, 0x7F0000001000))

    for driver, expected in ((Knows(), 3), (Driver("cuPointerGetAttribute"), 1), (Driver(), 1), (Driver("cuInit"), 1)):
        monkeypatch.setattr(streams, "_driver", lambda driver=driver: driver)
        assert streams.gpu_of(0x7F0000001000, 1) == expected


def test_without_a_driver_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(streams, "_driver", missing)
    assert streams.gpu_of(4096, 2) == 2
