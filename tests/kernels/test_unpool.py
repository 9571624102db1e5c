"""Convolution of an unpooled map by its lists of values: every value of the right column and row, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import dim_trt

from tests.support.testing import _testing  # isort: skip  (before a file that it would leave half imported)

from tests.kernels.test_kernels import ISAS, make_weights, torch_conv, unpool
from tests.support.compare import assert_within
from tests.support.networks import input_tensor
from tests.support.tiny_graphs import tiny_dim

KERNELS = [1, 3, 5, 7]  # all that a plan may have
TILE_CELLS = 128  # of a job: wider rows are cut


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("isa", ISAS)
def test_one_value_reaches_what_its_kernel_covers_and_nothing_else(isa: str, kernel: int) -> None:
    rng = np.random.default_rng(0)
    weight, bias = make_weights(rng, 17, 18, kernel)  # a second block, of which one lane is a channel
    bias[:] = 0
    for channel, y, x in [(0, 0, 0), (15, 2, 3), (16, 4, 6), (16, 0, 5)]:
        for code in range(4):
            values, codes = np.zeros((17, 5, 7), np.float32), np.full((17, 5, 7), code, np.uint8)
            values[channel, y, x] = -2  # products and sums with zeros are exact
            expected = torch_conv(unpool(values, codes), weight, bias, False, torch.float64)
            result = _testing.unpool_conv2d(values, codes, None, weight, bias, isa=isa)
            np.testing.assert_array_equal(result, expected.astype(np.float32))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("isa", ISAS)
def test_empty_lists_leave_the_bias_and_full_ones_fit(isa: str, kernel: int) -> None:
    rng = np.random.default_rng(1)
    weight, bias = make_weights(rng, 32, 16, kernel)
    values, codes = np.zeros((32, 3, 2 * TILE_CELLS + 1), np.float32), np.zeros((32, 3, 2 * TILE_CELLS + 1), np.uint8)
    result = _testing.unpool_conv2d(values, codes, None, weight, bias, isa=isa)
    np.testing.assert_array_equal(result, np.broadcast_to(bias[:, None, None], result.shape))
    values[:] = rng.random(values.shape, np.float32) + 0.5
    for code in range(4):  # all values in the same rows and columns: one list has all, or two have half each
        codes[:] = code
        expected = torch_conv(unpool(values, codes), weight, bias, True, torch.float64)
        assert_within(_testing.unpool_conv2d(values, codes, None, weight, bias, relu=True, isa=isa), expected, 2e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("isa", ISAS)
def test_sums_do_not_depend_on_where_the_work_is_cut(isa: str, kernel: int) -> None:
    rng = np.random.default_rng(2)
    values = rng.standard_normal((24, 3, TILE_CELLS + 31)).astype(np.float32).clip(0)
    codes = rng.integers(0, 4, values.shape, dtype=np.uint8)
    weight, bias = make_weights(rng, 24, 16, kernel)
    whole = _testing.unpool_conv2d(values, codes, None, weight, bias, isa=isa, threads=2)
    for first in (1, 10):
        part = _testing.unpool_conv2d(values[:, :, first:], codes[:, :, first:], None, weight, bias, isa=isa)
        reach = (kernel // 2 + 1) // 2  # cells at the cut that miss what is left out
        np.testing.assert_array_equal(part[:, :, 2 * reach :], whole[:, :, 2 * (first + reach) :])


@pytest.mark.parametrize("skip", [False, True], ids=["plain", "skip"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_regions_of_any_shape_change_nothing(tmp_path: Path, kernel: int, skip: bool) -> None:
    """Cells beyond the region hold an earlier picture's values: they must not be listed."""
    onnx, plan = tmp_path / "dim.onnx", tmp_path / "dim.plan"
    onnx.write_bytes(tiny_dim(skip=skip, decoder_kernel=kernel).SerializeToString())
    dim_trt.build_plan(onnx, plan)
    engine, session = dim_trt.Engine(plan, threads=2, color="rgb"), onnxruntime.InferenceSession(onnx)
    rng = np.random.default_rng(3)
    img = rng.integers(0, 256, (77, 211, 3), dtype=np.uint8)
    for share in (0.0, 0.0005, 0.02, 0.3):
        trimap = np.where(rng.random(img.shape[:2]) < share, 128, 255).astype(np.uint8)
        trimap[[0, -1], [5, -1]] = 128  # the region meets the borders
        unknown = trimap == 128
        fresh = engine.run(img, trimap)
        (expected,) = session.run(None, {"input": input_tensor(img, trimap).numpy()})
        assert_within(fresh[unknown], expected[0, 0, :77, :211][unknown], 1e-5)
        engine.run(img[::-1], np.where(unknown, 255, 128).astype(np.uint8))
        np.testing.assert_array_equal(engine.run(img, trimap), fresh)
