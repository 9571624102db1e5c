"""Kernels of quantized maps: whole numbers, so every instruction set equals float64 and the scalar twin to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

import dim_trt
from dim_trt import _core
from tests.kernels.test_kernels import unpool
from tests.support.testing import _testing

ISAS = _core.cpu_capabilities()["available_isas"]
MOST = 127
# (in channels, out channels, kernel, height, width)
SHAPES = [
    (4, 16, 3, 7, 9),
    (16, 48, 3, 5, 31),
    (64, 32, 5, 13, 17),
    (3, 5, 1, 1, 1),
    (40, 24, 7, 9, 151),
    (128, 64, 3, 6, 3),
    (16, 80, 1, 3, 129),
    (33, 1, 5, 21, 33),
    (512, 17, 3, 2, 13),
]


class Operands:
    def __init__(self, shape: tuple[int, ...], seed: int = 0):
        cin, cout, kernel, height, width = shape
        rng = np.random.default_rng(seed)
        self.input = rng.integers(0, MOST + 1, (cin, height, width)).astype(np.float32)
        self.weight = rng.integers(-MOST, MOST + 1, (cout, cin, kernel, kernel)).astype(np.float32)
        self.scale = (rng.random(cout) + 0.5).astype(np.float32) / np.float32(1000 * np.sqrt(cin) * kernel)
        self.bias = rng.standard_normal(cout).astype(np.float32)

    def run(self, **options: Any) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        result: tuple[NDArray[np.float32], NDArray[np.uint8] | None]
        result = _testing.quantized_conv2d(self.input, self.weight, self.scale, self.bias, **options)
        return result

    def sums(self, x: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Of the products: whole numbers, which float64 holds."""
        tensors = [torch.from_numpy(array).double() for array in (self.input if x is None else x, self.weight)]
        sums: NDArray[np.float64] = F.conv2d(tensors[0][None], tensors[1], padding=self.weight.shape[2] // 2)[0].numpy()
        return sums

    def expected(self, relu: bool, x: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """In the kernels' own order of rounding."""
        values = self.sums(x).astype(np.float32) * self.scale[:, None, None] + self.bias[:, None, None]
        return np.maximum(values, np.float32(0)) if relu else values


def quantized(values: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    steps = values * (np.float32(1) / np.float32(scale))
    return np.rint(np.clip(steps, 0, MOST)).astype(np.float32)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_sums_of_whole_numbers_are_exact(isa: str, shape: tuple[int, ...], relu: bool) -> None:
    operands = Operands(shape)
    values, _ = operands.run(relu=relu, isa=isa, threads=2)
    np.testing.assert_array_equal(values, operands.expected(relu))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_results_are_rounded_to_whole_numbers(isa: str, shape: tuple[int, ...]) -> None:
    operands = Operands(shape, 1)
    values, _ = operands.run(relu=True, isa=isa, out_scale=0.017)
    expected = quantized(operands.expected(True), 0.017)
    np.testing.assert_array_equal(values, expected)
    if values.size > 100:
        assert {0, MOST} < set(values.ravel())  # saturated at both ends, and between


def has_dots(isa: str) -> bool:
    """Of bytes from 0 to 255."""
    return isa == "scalar" or isa.endswith("_vnni")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("isa", ISAS)
def test_the_largest_products_do_not_overflow(isa: str, sign: int) -> None:
    """Sums of pairs are 16 bits wide on the way in some instruction sets."""
    operands = Operands((512, 20, 3, 4, 14))
    operands.input[:] = MOST
    operands.weight[:] = sign * MOST
    values, _ = operands.run(isa=isa)
    np.testing.assert_array_equal(values, operands.expected(False))


@pytest.mark.parametrize("out_scale", [0.0, 0.03])
@pytest.mark.parametrize("isa", ISAS)
def test_what_is_pooled_was_not_rounded_before(isa: str, out_scale: float) -> None:
    operands = Operands((20, 40, 3, 14, 122))
    values, codes = operands.run(pool=True, relu=True, isa=isa, out_scale=out_scale, threads=2)
    expected, indices = F.max_pool2d(torch.from_numpy(operands.expected(True))[None], 2, return_indices=True)
    pooled = expected[0].numpy()
    np.testing.assert_array_equal(values, quantized(pooled, out_scale) if out_scale else pooled)
    rows, columns = np.divmod(indices[0].numpy(), 122)
    np.testing.assert_array_equal(codes, rows % 2 * 2 + columns % 2)


@pytest.mark.parametrize("out_scale", [0.0, 0.03])
@pytest.mark.parametrize("shape", [(16, 16, 5, 7, 9), (64, 48, 5, 17, 29), (33, 17, 3, 9, 135), (40, 24, 7, 5, 75),
                                   (16, 32, 5, 2, 261), (3, 5, 1, 1, 1)], ids=str)  # fmt: skip
@pytest.mark.parametrize("isa", ISAS)
def test_quantized_maps_are_unpooled(isa: str, shape: tuple[int, ...], out_scale: float) -> None:
    """Products of floats where dot products are slow: exact to rounding, so a result may be the next number."""
    operands = Operands(shape, 2)
    rng = np.random.default_rng(3)
    operands.input[rng.random(operands.input.shape) < 0.5] = 0
    codes = rng.integers(0, 4, operands.input.shape, dtype=np.uint8)
    values, _ = operands.run(codes=codes, relu=True, isa=isa, out_scale=out_scale, threads=2)
    exact = operands.expected(True, unpool(operands.input, codes))
    if has_dots(isa):
        np.testing.assert_array_equal(values, quantized(exact, out_scale) if out_scale else exact)
        return
    if not out_scale:
        np.testing.assert_allclose(values, exact, rtol=0, atol=2e-5)
        return
    steps = np.clip(exact / out_scale, 0, MOST)
    assert np.abs(values - steps).max() <= 0.5 + 2e-3
    np.testing.assert_array_equal(values, np.rint(values))


@pytest.mark.parametrize("out_scale", [0.0, 0.03])
@pytest.mark.parametrize(
    "shape", [(16, 16, 5, 7, 9), (64, 48, 5, 17, 29), (33, 17, 5, 9, 65), (3, 5, 5, 1, 1)], ids=str
)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("algorithm", ["winograd", "row-winograd"])
def test_quantized_maps_are_added_to_unpooled_ones(
    algorithm: str, isa: str, shape: tuple[int, ...], out_scale: float
) -> None:
    """Each in steps of its own: those of what is added are larger here."""
    operands, add_scale = Operands(shape, 5), 1.75
    rng = np.random.default_rng(6)
    operands.input[rng.random(operands.input.shape) < 0.5] = 0
    codes = rng.integers(0, 4, operands.input.shape, dtype=np.uint8)
    cin, _, _, height, width = shape
    add = rng.integers(0, MOST + 1, (cin, 2 * height, 2 * width)).astype(np.float32)
    options = {"add": add, "add_scale": add_scale, "relu": True, "algorithm": algorithm, "threads": 2}
    values, _ = operands.run(codes=codes, isa=isa, out_scale=out_scale, **options)
    exact = operands.expected(True, unpool(operands.input, codes) + add * np.float32(add_scale))
    if not out_scale:
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-4)  # of sums of about 30
        return
    steps = np.clip(exact / out_scale, 0, MOST)
    assert np.abs(values - steps).max() <= 0.5 + 4e-3
    np.testing.assert_array_equal(values, np.rint(values))


@pytest.mark.parametrize("out_scale", [0.0, 0.03])
@pytest.mark.parametrize(
    "shape", [(16, 16, 5, 7, 9), (64, 48, 5, 17, 29), (33, 17, 5, 9, 67), (20, 40, 5, 5, 131), (3, 5, 5, 1, 1)], ids=str
)
@pytest.mark.parametrize("isa", [isa for isa in ISAS if has_dots(isa)])
def test_sums_in_equal_steps_are_exact(isa: str, shape: tuple[int, ...], out_scale: float) -> None:
    operands = Operands(shape, 5)
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 4, operands.input.shape, dtype=np.uint8)
    cin, _, _, height, width = shape
    add = rng.integers(0, MOST + 1, (cin, 2 * height, 2 * width)).astype(np.float32)
    values, _ = operands.run(codes=codes, add=add, relu=True, isa=isa, out_scale=out_scale, threads=2)
    exact = operands.expected(True, unpool(operands.input, codes) + add)
    np.testing.assert_array_equal(values, quantized(exact, out_scale) if out_scale else exact)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("isa", [isa for isa in ISAS if has_dots(isa)])
def test_the_largest_sums_do_not_overflow(isa: str, sign: int) -> None:
    """Twice 127 in all channels, which dot products with saturation would cut off."""
    operands = Operands((64, 20, 5, 3, 8))
    operands.input[:] = MOST
    operands.weight[:] = sign * MOST
    add = np.full((64, 6, 16), MOST, np.float32)
    codes = np.zeros(operands.input.shape, np.uint8)
    values, _ = operands.run(codes=codes, add=add, isa=isa)
    np.testing.assert_array_equal(values, operands.expected(False, unpool(operands.input, codes) + add))


@pytest.mark.parametrize("wrong", [{"codes": None}, {"algorithm": "direct", "add_scale": 2.0}])
def test_sums_without_what_they_need_are_refused(wrong: dict[str, Any]) -> None:
    operands = Operands((3, 5, 5, 2, 3))
    given = {"codes": np.zeros((3, 2, 3), np.uint8), "algorithm": "winograd"} | wrong
    with pytest.raises(dim_trt.InvalidInput, match="add: expected codes, a 5x5 kernel and algorithm 'winograd'"):
        operands.run(add=np.zeros((3, 4, 6), np.float32), **given)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    operands = Operands((48, 64, 3, 33, 57))
    one, five = (operands.run(threads=threads, out_scale=0.02)[0] for threads in (1, 5))
    np.testing.assert_array_equal(one, five)
