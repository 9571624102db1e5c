"""CUDA streams and memory of other packages: handles of streams, one waiting for another, whose memory it is. Calls
the driver by ctypes, so nothing needs the CUDA toolkit."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import operator
from collections.abc import Iterator
from typing import Any

from dim_trt.errors import Error, InvalidInput

LEGACY_STREAM = 1  # CUDA's own handles of the two default streams
PER_THREAD_STREAM = 2
_HANDLES = ("cuda_stream", "ptr", "handle")  # of PyTorch, CuPy, PyCUDA and Numba
_NO_TIMING = 2  # CU_EVENT_DISABLE_TIMING
_DEVICE_ORDINAL = 9  # CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL


def stream_handle(stream: Any) -> int:
    """The CUDA handle of a stream: a number, or an object of PyTorch, CuPy, PyCUDA, Numba or with `__cuda_stream__`.

    0, how these packages write the default stream, becomes CUDA's handle for it. Raises InvalidInput.
    """
    try:
        handle = operator.index(_raw_handle(stream))
    except TypeError:
        handle = -1
    if handle < 0 or isinstance(stream, bool):
        raise InvalidInput(
            "stream: expected the handle of a CUDA stream, or an object with __cuda_stream__, cuda_stream, ptr or "
            f"handle, got {stream!r}"
        )
    return handle or LEGACY_STREAM


def _raw_handle(stream: Any) -> Any:
    protocol = getattr(stream, "__cuda_stream__", None)
    if protocol is not None:
        version, handle = protocol() if callable(protocol) else protocol
        if version != 0:
            raise InvalidInput(f"stream: expected version 0 of __cuda_stream__, got {version!r}")
        return handle
    for attribute in _HANDLES:
        if hasattr(stream, attribute):
            handle = getattr(stream, attribute)
            return handle.value or 0 if isinstance(handle, ctypes.c_void_p) else handle
    return stream


def make_wait(stream: int, producer: int, gpu: int) -> None:
    """`stream` goes on only after what `producer` has been given so far; the calling thread does not wait."""
    if stream == producer:
        return
    with _primary_context(gpu):
        event = ctypes.c_void_p()
        _call("cuEventCreate", ctypes.byref(event), ctypes.c_uint(_NO_TIMING))
        try:
            _call("cuEventRecord", event, ctypes.c_void_p(producer))
            _call("cuStreamWaitEvent", ctypes.c_void_p(stream), event, ctypes.c_uint(0))
        finally:
            _call("cuEventDestroy_v2", event)  # CUDA keeps it until it has passed


def gpu_of(address: int, gpu: int) -> int:
    """The number of the GPU that has the memory at `address`; `gpu` where the driver cannot tell."""
    ordinal = ctypes.c_int(-1)
    with contextlib.suppress(Error, OSError), _primary_context(gpu):
        _call("cuPointerGetAttribute", ctypes.byref(ordinal), ctypes.c_int(_DEVICE_ORDINAL), ctypes.c_uint64(address))
    return ordinal.value if ordinal.value >= 0 else gpu


@contextlib.contextmanager
def _primary_context(gpu: int) -> Iterator[None]:
    """What CUDA's runtime, and so every package that uses it, works in."""
    device, context, popped = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
    _call("cuInit", ctypes.c_uint(0))
    _call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(gpu))
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        _call("cuCtxPushCurrent_v2", context)
        try:
            yield
        finally:
            _call("cuCtxPopCurrent_v2", ctypes.byref(popped))
    finally:
        _call("cuDevicePrimaryCtxRelease_v2", device)


def _call(name: str, *arguments: Any) -> None:
    if (code := getattr(_driver(), name)(*arguments)) != 0:
        raise Error(f"CUDA: {name} failed with error {code}; is the stream, or array, of this GPU and still there?")


@functools.cache
def _driver() -> Any:
    return ctypes.CDLL("libcuda.so.1")
