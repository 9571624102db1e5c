"""The colors under a matte where the engine runs: the CPU's for a CPU plan, and arrays in GPU memory as they reach it.

The engine on a GPU is a stand-in here; tests/cuda compares what its kernels compute, tests/on_gpu runs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt import _core, foreground
from tests.support.stand_ins import (
    CUDA,
    EVERY,
    IMG,
    OUT,
    Dlpack,
    Interface,
    Lend,
    numpy_array,
    tiny_plan,
    triple,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_cpu_engine_estimates_as_the_function_does(tmp_path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, (33, 57, 3)) / (1 if dtype is np.uint8 else 255)
    alpha = np.clip(rng.normal(0.5, 1, (33, 57)), 0, 1)
    with dim_trt.Engine(tiny_plan(tmp_path)) as engine:
        got = engine.foreground(img.astype(dtype), alpha)
    for layer, expected in zip(got, foreground.estimate(img.astype(dtype), alpha), strict=True):
        assert layer.dtype == dtype
        np.testing.assert_array_equal(layer, expected)


def test_a_cpu_engine_refuses_what_the_function_refuses(tmp_path: Path) -> None:
    engine: Any = dim_trt.Engine(tiny_plan(tmp_path))
    img, alpha = np.zeros((3, 5, 3), np.uint8), np.zeros((3, 5), np.float32)
    with pytest.raises(dim_trt.InvalidInput, match=r"alpha: expected the height and width of img, \[3, 5\]"):
        engine.foreground(img, alpha[:, :4])
    with pytest.raises(dim_trt.InvalidInput, match="stream: expected None for arrays in host memory"):
        engine.foreground(img, alpha, stream=1)
    with pytest.raises(dim_trt.InvalidInput, match="alpha: expected a numpy array, as this engine runs on the CPU"):
        engine.foreground(img, Interface(alpha))
    engine.close()
    with pytest.raises(dim_trt.InvalidInput, match="closed"):
        engine.foreground(img, alpha)


@EVERY
def test_arrays_on_a_gpu_reach_the_engine_and_colors_come_back(gpu_engine: Any, lend: Lend) -> None:
    engine, core = gpu_engine
    wide = numpy_array((34, 40, 4))
    for img, alpha in [(IMG, OUT), (wide[:, ::2, 2::-1], np.zeros((20, 34), np.float32).T)]:
        layers = engine.foreground(lend(img), lend(alpha))
        given_img, given_alpha, *addresses, stream, wait = core.foregrounds[-1]
        assert (given_img, given_alpha, stream, wait) == (triple(img), triple(alpha), 1, True)
        for layer, address in zip(layers, addresses, strict=True):
            assert (layer.shape, layer.dtype, layer.device) == (img.shape, np.uint8, "cuda:0")
            interface = layer.__cuda_array_interface__
            assert (interface["data"], interface["shape"], interface["typestr"]) == ((address, False), img.shape, "|u1")
            tensor = _core.dlpack_import(layer.__dlpack__(stream=1, dl_device=(CUDA, 0)))
            assert (tensor.address, tensor.shape, tensor.dtype) == (address, img.shape, (1, 8, 1))
            assert tensor.strides_bytes == (3 * img.shape[1], 3, 1)


def test_wrong_arrays_on_a_gpu(gpu_engine: Any) -> None:
    engine, core = gpu_engine
    shifted = np.zeros(34 * 19 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(34, 19)
    for img, alpha, message in [
        (IMG, OUT[:33], r"alpha: expected the height and width of img, \(34, 19\), got \(33, 19\)"),
        (IMG, OUT.astype(np.float64), "alpha: expected dtype float32, got float64"),
        (IMG, OUT[0], r"alpha: expected shape \(height, width\), got \(19,\)"),
        (IMG, shifted, "alpha: expected an aligned array"),
        (IMG.astype(np.float32), OUT, "img: expected dtype uint8, got float32"),
        (IMG[..., :2], OUT, r"img: expected shape \(height, width, 3\)"),
    ]:
        with pytest.raises(dim_trt.InvalidInput, match=message):
            engine.foreground(Dlpack(img), Dlpack(alpha))
    with pytest.raises(dim_trt.InvalidInput, match="alpha: expected an array in GPU memory, as the others are"):
        engine.foreground(Dlpack(IMG), OUT)
    assert core.foregrounds == []
