"""Winograd convolution of whole numbers: exact, so it equals the direct one, and the scalar twin, to the bit."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pytest

import dim_trt
from tests.kernels.test_quantized import ISAS, MOST, SHAPES, Operands, quantized

MOST_CHANNELS = 924  # 16 times a sum must fit 32 bits
# (in channels, out channels, kernel, height, width); with partial patches, of 2x4, and bundles of them
SHAPES_3X3 = [shape for shape in SHAPES if shape[2] == 3] + [
    (64, 64, 3, 33, 57),
    (20, 40, 3, 1, 1),
    (16, 16, 3, 1, 301),
    (48, 33, 3, 95, 2),
    (64, 80, 3, 8, 96),
]


def has_winograd(isa: str) -> bool:
    """Whether dot products of 16 bits are faster than products of floats."""
    return isa == "scalar" or platform.machine().lower() in ("x86_64", "amd64")


WITH_WINOGRAD = [isa for isa in ISAS if has_winograd(isa)]


@pytest.mark.parametrize("out_scale", [0.0, 0.017])
@pytest.mark.parametrize("shape", SHAPES_3X3, ids=str)
@pytest.mark.parametrize("isa", WITH_WINOGRAD)
def test_winograd_gives_the_same_to_the_bit(isa: str, shape: tuple[int, ...], out_scale: float) -> None:
    operands = Operands(shape, 4)
    options = {"relu": True, "isa": isa, "out_scale": out_scale, "threads": 2}
    direct, winograd = (operands.run(algorithm=algorithm, **options)[0] for algorithm in ("direct", "winograd"))
    np.testing.assert_array_equal(winograd, direct)
    expected = operands.expected(True)
    np.testing.assert_array_equal(winograd, quantized(expected, out_scale) if out_scale else expected)
    if out_scale and winograd.size > 100:
        assert {0, MOST} < set(winograd.ravel())  # saturated at both ends, and between


@pytest.mark.parametrize("shape", [(20, 40, 3, 14, 122), (64, 64, 3, 2, 6), (48, 16, 3, 34, 50)], ids=str)
@pytest.mark.parametrize("isa", WITH_WINOGRAD)
def test_winograd_pools_the_same(isa: str, shape: tuple[int, ...]) -> None:
    operands = Operands(shape)
    options: dict[str, Any] = {"pool": True, "relu": True, "isa": isa, "out_scale": 0.03}
    direct, winograd = (operands.run(algorithm=each, **options) for each in ("direct", "winograd"))
    for ours, expected in zip(winograd, direct, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("isa", WITH_WINOGRAD)
def test_the_largest_sum_fits(isa: str, sign: int) -> None:
    operands = Operands((MOST_CHANNELS, 20, 3, 4, 14))
    operands.input[:] = MOST
    operands.weight[:] = sign * MOST
    values, _ = operands.run(isa=isa, algorithm="winograd")
    np.testing.assert_array_equal(values, operands.expected(False))


@pytest.mark.parametrize("isa", WITH_WINOGRAD)
def test_the_largest_transformed_values_fit(isa: str) -> None:
    """Of nothing but the largest and the smallest numbers: with 2048 windows all signs of a row of six are there."""
    operands = Operands((64, 16, 3, 16, 64))
    rng = np.random.default_rng(7)
    operands.input = (MOST * rng.integers(0, 2, operands.input.shape)).astype(np.float32)
    operands.weight = (MOST * (2 * rng.integers(0, 2, operands.weight.shape) - 1)).astype(np.float32)
    operands.weight[0] = MOST
    values, _ = operands.run(isa=isa, algorithm="winograd")
    np.testing.assert_array_equal(values, operands.expected(False))


@pytest.mark.parametrize("isa", ISAS)
def test_what_winograd_cannot_do_is_refused(isa: str) -> None:
    shapes = [(16, 16, 5, 4, 6), (MOST_CHANNELS + 1, 2, 3, 4, 6)] + [SHAPES[0]] * (not has_winograd(isa))
    for shape in shapes:
        with pytest.raises(dim_trt.InvalidInput, match=f"winograd needs a 3x3 kernel.* at most {MOST_CHANNELS} input"):
            Operands(shape).run(algorithm="winograd", isa=isa)


@pytest.mark.parametrize("shape", [*SHAPES_3X3, (MOST_CHANNELS + 1, 16, 3, 8, 32)], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_whichever_is_chosen_gives_the_same(isa: str, shape: tuple[int, ...]) -> None:
    operands = Operands(shape, 8)
    operands.input[:, 1:-1] = operands.weight[-1] = MOST
    values, _ = operands.run(algorithm="best", isa=isa, threads=2)
    np.testing.assert_array_equal(values, operands.expected(False))
