"""Arrays in GPU memory as they reach an engine. The engine is a stand-in here, and the memory that of numpy arrays."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dim_trt
from dim_trt import _core
from tests.support.stand_ins import (
    CPU,
    CUDA,
    EVERY,
    IMG,
    OUT,
    TRIMAP,
    Dlpack,
    Interface,
    Lend,
    numpy_array,
    triple,
)


@EVERY
def test_arrays_reach_the_engine_as_they_are(gpu_engine: Any, lend: Lend) -> None:
    engine, core = gpu_engine
    wide = numpy_array((34, 40, 4))
    for img, trimap, out in [
        (IMG, TRIMAP, OUT),
        (wide[:, ::2, 2::-1], wide[::-1, :20, 3], np.zeros((20, 34), np.float32).T),
        (np.broadcast_to(IMG[:1, :1], (34, 20, 3)), wide[:, 20:, 0], np.zeros((34, 60), np.float32)[:, ::3]),
    ]:
        lent = lend(out)
        assert engine.run(lend(img), lend(trimap), lent) is lent
        assert core.runs[-1] == (triple(img), triple(trimap), triple(out), 1, True)


def test_an_interface_without_strides_has_no_gaps(gpu_engine: Any) -> None:
    engine, core = gpu_engine
    img = Interface(IMG)
    del img.__cuda_array_interface__["strides"]
    engine.run(img, Interface(TRIMAP, strides=None))
    assert core.runs[-1][:2] == (triple(IMG), triple(TRIMAP))


@EVERY
def test_without_out_a_gpu_array_comes_back(gpu_engine: Any, lend: Lend) -> None:
    engine, core = gpu_engine
    alpha = engine.run(lend(IMG), lend(TRIMAP))
    assert isinstance(alpha, dim_trt.GpuArray)
    assert (alpha.shape, alpha.dtype, alpha.device) == ((34, 19), np.float32, "cuda:0")
    assert repr(alpha) == "GpuArray(shape=(34, 19), dtype=float32, device='cuda:0')"
    assert core.runs[-1][2] == (alpha._memory.address, (34, 19), (76, 4))
    interface = alpha.__cuda_array_interface__
    assert interface["data"] == (alpha._memory.address, False)
    assert (interface["version"], interface["shape"], interface["typestr"]) == (3, (34, 19), "<f4")
    assert (interface["strides"], interface["stream"]) == (None, None)
    for version in (None, (1, 0)):
        tensor = _core.dlpack_import(alpha.__dlpack__(stream=1, max_version=version, dl_device=(CUDA, 0)))
        assert (tensor.address, tensor.shape) == (alpha._memory.address, (34, 19))
        assert (tensor.strides_bytes, tensor.dtype, tensor.device) == ((76, 4), (2, 32, 1), (CUDA, 0))
        assert not tensor.read_only
    assert engine.run(lend(IMG), lend(TRIMAP), alpha) is alpha


def test_what_a_gpu_array_does_not_do(gpu_engine: Any) -> None:
    alpha = gpu_engine[0].run(Dlpack(IMG), Dlpack(TRIMAP))
    for options in ({"copy": True}, {"dl_device": (CPU, 0)}, {"dl_device": (CUDA, 1)}):
        with pytest.raises(BufferError, match="GpuArray: expected copy=False and device"):
            alpha.__dlpack__(**options)
    with pytest.raises(TypeError, match="is in GPU memory"):
        np.asarray(alpha)
    with pytest.raises((BufferError, RuntimeError, TypeError)):
        np.from_dlpack(alpha)


def test_memory_lives_as_long_as_what_took_it(gpu_engine: Any) -> None:
    alpha = gpu_engine[0].run(Dlpack(IMG), Dlpack(TRIMAP))
    alive = weakref.ref(alpha._memory.memory)
    tensor = _core.dlpack_import(alpha.__dlpack__())
    del alpha
    gc.collect()
    assert alive() is not None
    del tensor
    gc.collect()
    assert alive() is None


READ_ONLY = OUT.copy()
READ_ONLY.flags.writeable = False
SHARED = np.zeros((34, 19, 4), np.float32)


@pytest.mark.parametrize("lend", [Interface, Dlpack])
@pytest.mark.parametrize(
    ("img", "trimap", "out", "message"),
    [
        (IMG.astype(np.float32), TRIMAP, None, "img: expected dtype uint8, got float32"),
        (IMG, TRIMAP.astype(np.int64), None, "trimap: expected dtype uint8, got int64"),
        (IMG[:, :, 0], TRIMAP, None, r"img: expected shape \(height, width, 3\), got \(34, 19\)"),
        (IMG[:, :, :2], TRIMAP, None, r"img: expected shape \(height, width, 3\), got \(34, 19, 2\)"),
        (IMG, IMG, None, r"trimap: expected shape \(height, width\), got \(34, 19, 3\)"),
        (IMG[:0], TRIMAP, None, r"img: expected sides of 1 to 1048576 pixels, got shape \(0, 19, 3\)"),
        (IMG, TRIMAP[:, :0], None, r"trimap: expected sides of 1 to 1048576 pixels, got shape \(34, 0\)"),
        (IMG, TRIMAP, OUT.astype(np.float64), "out: expected dtype float32, got float64"),
        (IMG, TRIMAP, OUT[1:], r"out: expected shape \(34, 19\) as img, got \(33, 19\)"),
        (IMG, TRIMAP, OUT.T, r"out: expected shape \(34, 19\) as img, got \(19, 34\)"),
        (IMG, TRIMAP, np.lib.stride_tricks.as_strided(OUT, OUT.shape, (0, 4)), "out: expected memory for each pixel"),
        (SHARED.view(np.uint8)[:, :, :3], TRIMAP, SHARED[:, :, 0], "out: expected memory of its own"),
        (SHARED.view(np.uint8)[::-1, ::-1, 5:2:-1], TRIMAP, SHARED[:, :, 3], "out: expected memory of its own"),
        (IMG, SHARED.view(np.uint8)[:, :, 7], SHARED[:, :, 0], "out: expected memory of its own"),
    ],
)
def test_wrong_arrays_are_refused(gpu_engine: Any, lend: Lend, img: Any, trimap: Any, out: Any, message: str) -> None:
    engine, core = gpu_engine
    for call in (engine.run, engine.submit):
        with pytest.raises(dim_trt.InvalidInput, match=message):
            call(lend(img), lend(trimap), None if out is None else lend(out))
    assert core.runs == []


def test_wrong_interfaces_are_refused(gpu_engine: Any) -> None:
    engine, _ = gpu_engine
    address = OUT.ctypes.data
    for out, message in [
        (Interface(OUT.astype(">f4")), "out: expected dtype float32, got >f4"),
        (Interface(OUT, data=(address, True)), "out: expected a writeable array, got a read-only one"),
        (Dlpack(READ_ONLY), "out: expected a writeable array, got a read-only one"),
        (Interface(OUT, data=(address + 1, False)), "out: expected an aligned array"),
        (Interface(OUT, strides=(78, 4)), "out: expected an aligned array"),
    ]:
        with pytest.raises(dim_trt.InvalidInput, match=message):
            engine.run(Dlpack(IMG), Dlpack(TRIMAP), out)
    for change in ({"version": 1}, {"mask": Interface(TRIMAP)}):
        with pytest.raises(dim_trt.InvalidInput, match="img: expected a __cuda_array_interface__ of version 2"):
            engine.run(Interface(IMG, **change), Interface(TRIMAP))
    img = Interface(IMG)
    del img.__cuda_array_interface__["typestr"]
    with pytest.raises(dim_trt.InvalidInput, match="img: expected a __cuda_array_interface__ with data, shape"):
        engine.run(img, Interface(TRIMAP))


def test_an_array_on_another_gpu_is_refused(gpu_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = gpu_engine
    with pytest.raises(dim_trt.InvalidInput, match=r"trimap: expected an array on GPU 0, .* got one on GPU 1"):
        engine.run(Dlpack(IMG), Dlpack(TRIMAP, (CUDA, 1)))
    monkeypatch.setattr("dim_trt.gpu.views.gpu_of", lambda address, gpu: int(address != OUT.ctypes.data) + gpu)
    with pytest.raises(dim_trt.InvalidInput, match=r"img: expected an array on GPU 0, .* got one on GPU 1"):
        engine.run(Interface(IMG), Interface(TRIMAP))


def test_a_package_that_does_not_lend(gpu_engine: Any) -> None:
    engine, _ = gpu_engine
    img = Dlpack(IMG)
    img.__class__ = type("Refusing", (Dlpack,), {"__dlpack__": refuse})
    with pytest.raises(dim_trt.InvalidInput, match=r"img: its package does not lend it by DLPack: use tensor.detach"):
        engine.run(img, Dlpack(TRIMAP))


def refuse(_self: Any, **_: Any) -> Any:
    raise BufferError("use tensor.detach()")


@EVERY
def test_memories_do_not_mix(gpu_engine: Any, lend: Lend) -> None:
    engine, _ = gpu_engine
    lent = {"img": lend(IMG), "trimap": lend(TRIMAP), "out": lend(OUT)}
    host = {"img": IMG, "trimap": TRIMAP, "out": torch.from_numpy(OUT)}
    for name in host:
        kind = type(host[name]).__name__
        with pytest.raises(dim_trt.InvalidInput, match=f"{name}: expected an array in GPU memory.*got {kind} in host"):
            engine.run(**(lent | {name: host[name]}))
        with pytest.raises(dim_trt.InvalidInput, match="expected an array in GPU memory"):
            engine.run(**(host | {name: lent[name]}))


@EVERY
def test_an_engine_on_the_cpu_takes_none_of_it(plan: Path, lend: Lend) -> None:
    engine: Any = dim_trt.Engine(plan)
    for call in (engine.run, engine.submit):
        with pytest.raises(dim_trt.InvalidInput, match="img: expected a numpy array, as this engine runs on the CPU"):
            call(lend(IMG), lend(TRIMAP))
        with pytest.raises(dim_trt.InvalidInput, match="out: expected a numpy array, as this engine runs on the CPU"):
            call(IMG, TRIMAP, lend(OUT))
    with pytest.raises(dim_trt.InvalidInput, match="stream: expected None for arrays in host memory"):
        engine.run(IMG, TRIMAP, stream=0)
    tensor = torch.from_numpy(IMG)  # in host memory, which numpy can share
    np.testing.assert_array_equal(engine.run(tensor, TRIMAP), engine.run(IMG, TRIMAP))
    with pytest.raises(dim_trt.InvalidInput, match=r"img: Tensor cannot be shared with numpy: .*requires? grad"):
        engine.run(tensor.float().requires_grad_(), TRIMAP)


@EVERY
def test_submit_takes_them_too(gpu_engine: Any, lend: Lend) -> None:
    engine, core = gpu_engine
    out = lend(OUT)
    assert engine.submit(lend(IMG), lend(TRIMAP), out).result(20) is out
    assert core.runs[-1] == (triple(IMG), triple(TRIMAP), triple(OUT), 1, True)
    alpha = engine.submit(lend(IMG), lend(TRIMAP)).result(20)
    assert isinstance(alpha, dim_trt.GpuArray)
    pairs = [(lend(IMG), lend(TRIMAP)) for _ in range(5)]
    results = list(dim_trt.stream(engine, pairs))
    assert [img for img, _ in results] == [img for img, _ in pairs]


def test_arrays_live_until_they_were_used(gpu_engine: Any) -> None:
    engine, core = gpu_engine
    img = IMG.copy()
    alive = weakref.ref(img)
    core.run_on_gpu = lambda *_: core.runs.append(alive() is not None)
    lent = Dlpack(img)
    del img
    future = engine.submit(lent, Dlpack(TRIMAP))
    del lent
    future.result(20)
    assert core.runs == [True]
