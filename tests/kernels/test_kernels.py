"""Every kernel set against float64 and PyTorch, at odd sizes.

Rules: sums are at most twice as far from float64 as PyTorch's float32; pooling is exact; whatever the scalar twin
computes, the other sets compute to rounding.
"""

from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dim_trt import _core
from tests.support.compare import assert_as_accurate, assert_within
from tests.support.testing import _testing

ISAS = _core.cpu_capabilities()["available_isas"]
WINOGRAD = ["winograd", "winograd-ties", "row-winograd"]
# (in channels, out channels, kernel, height, width): block and tile edges, single pixels, one-channel heads
CONV_SHAPES = [
    (4, 16, 3, 7, 9),
    (4, 64, 3, 33, 57),
    (16, 48, 3, 5, 31),
    (64, 32, 5, 13, 17),
    (3, 5, 1, 1, 1),
    (40, 24, 7, 9, 151),
    (128, 64, 3, 6, 3),
    (16, 80, 1, 3, 129),
    (33, 1, 5, 21, 33),
    (16, 1, 3, 3, 301),
]
WINOGRAD_SHAPES = [
    (16, 32, 3, 33, 57),
    (64, 64, 3, 33, 57),
    (128, 16, 3, 7, 13),
    (256, 33, 3, 14, 23),
    (16, 16, 3, 19, 301),
    (260, 32, 3, 2, 231),
    (512, 64, 3, 6, 5),
    (64, 80, 5, 15, 31),
    (96, 20, 5, 6, 121),
]
# most of a window is border here, so PyTorch adds few terms and Winograd as many as ever
THIN_WINOGRAD_SHAPES = [(64, 48, 3, 1, 1), (256, 16, 3, 7, 1), (96, 20, 5, 1, 121), (128, 33, 5, 3, 2)]
UNPOOL_SHAPES = [
    (16, 16, 5, 7, 9),
    (64, 64, 5, 17, 29),
    (16, 48, 3, 5, 31),
    (3, 5, 1, 1, 1),
    (40, 24, 7, 9, 75),
    (128, 64, 5, 3, 1),
    (32, 80, 5, 1, 3),
    (96, 32, 5, 11, 7),
    (16, 32, 5, 2, 261),
    (33, 17, 3, 9, 135),
    (18, 40, 7, 5, 133),
    (48, 16, 3, 1, 1),
    (16, 16, 1, 3, 131),
]


def make_weights(rng, cin, cout, kernel):
    weight = rng.standard_normal((cout, cin, kernel, kernel)).astype(np.float32) / np.sqrt(cin * kernel * kernel)
    return weight.astype(np.float32), rng.standard_normal(cout).astype(np.float32)


def torch_conv(x, weight, bias, relu, dtype):
    args = [torch.from_numpy(np.ascontiguousarray(a)).to(dtype) for a in (x, weight, bias)]
    y = F.conv2d(args[0][None], args[1], args[2], padding=weight.shape[2] // 2)[0]
    return (y.relu() if relu else y).numpy()


def unpool(x, codes):
    """Each value at its code's place in a window of zeros."""
    channels, height, width = x.shape
    up = np.zeros((channels, 2 * height, 2 * width), x.dtype)
    for code in range(4):
        up[:, code // 2 :: 2, code % 2 :: 2] = np.where(codes == code, x, 0)
    return up


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", CONV_SHAPES, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_conv2d(isa, shape, relu):
    check_conv2d(isa, shape, relu, "direct")


def winograd_cases(shapes):
    """Ties are kept for kernels of 3×3."""
    return [
        (algorithm, shape) for algorithm in WINOGRAD for shape in shapes if "ties" not in algorithm or shape[2] == 3
    ]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("algorithm", "shape"), winograd_cases(WINOGRAD_SHAPES), ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_conv2d_winograd(isa, shape, relu, algorithm):
    check_conv2d(isa, shape, relu, algorithm)


@pytest.mark.parametrize(("algorithm", "shape"), winograd_cases(THIN_WINOGRAD_SHAPES), ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_conv2d_winograd_of_thin_maps(isa, shape, algorithm):
    x, weight, bias = conv_operands(shape)
    y = _testing.conv2d(x, weight, bias, isa=isa, algorithm=algorithm)
    assert_within(y, torch_conv(x, weight, bias, False, torch.float64), 5e-6)


def conv_operands(shape):
    cin, cout, kernel, height, width = shape
    rng = np.random.default_rng(1)
    x = rng.standard_normal((cin, height, width)).astype(np.float32)
    return x, *make_weights(rng, cin, cout, kernel)


def check_conv2d(isa, shape, relu, algorithm):
    x, weight, bias = conv_operands(shape)
    y = _testing.conv2d(x, weight, bias, relu=relu, isa=isa, threads=2, algorithm=algorithm)
    assert_as_accurate(y, *expected_conv2d(shape, relu))
    assert_within(y, scalar_conv2d(shape, relu, algorithm), 2e-5, "against the scalar twin")


# What every instruction set is compared with is computed once.


@cache
def expected_conv2d(shape, relu):
    """PyTorch's in float32 and in float64."""
    return tuple(torch_conv(*conv_operands(shape), relu, dtype) for dtype in (torch.float32, torch.float64))


@cache
def scalar_conv2d(shape, relu, algorithm):
    return _testing.conv2d(*conv_operands(shape), relu=relu, isa="scalar", algorithm=algorithm)


@pytest.mark.parametrize("skip", [False, True], ids=["plain", "skip"])
@pytest.mark.parametrize("shape", UNPOOL_SHAPES, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_unpool_conv2d(isa, shape, skip):
    check_unpool_conv2d(isa, shape, skip, "direct")


@pytest.mark.parametrize("skip", [False, True], ids=["plain", "skip"])
@pytest.mark.parametrize("shape", [shape for shape in UNPOOL_SHAPES if shape[2] == 5 and min(shape[3:]) > 1], ids=str)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("algorithm", ["winograd", "row-winograd"])
def test_unpool_conv2d_winograd(isa, shape, skip, algorithm):
    check_unpool_conv2d(isa, shape, skip, algorithm)


def check_unpool_conv2d(isa, shape, skip, algorithm):
    operands = unpool_operands(shape, skip)
    y = _testing.unpool_conv2d(*operands, relu=True, isa=isa, threads=2, algorithm=algorithm)
    assert_as_accurate(y, *expected_unpool_conv2d(shape, skip))
    assert_within(y, scalar_unpool_conv2d(shape, skip, algorithm), 2e-5, "against the scalar twin")


def unpool_operands(shape, skip):
    cin, cout, kernel, height, width = shape
    rng = np.random.default_rng(2)
    x = rng.standard_normal((cin, height, width)).astype(np.float32).clip(0)  # half zeros, as ReLU leaves them
    codes = rng.integers(0, 4, x.shape, dtype=np.uint8)
    weight, bias = make_weights(rng, cin, cout, kernel)
    add = rng.standard_normal((cin, 2 * height, 2 * width)).astype(np.float32) if skip else None
    return x, codes, add, weight, bias


@cache
def expected_unpool_conv2d(shape, skip):
    """PyTorch's in float32 and in float64."""
    x, codes, add, weight, bias = unpool_operands(shape, skip)
    up = unpool(x, codes)
    total = up if add is None else up + add
    exact = up.astype(np.float64) if add is None else up.astype(np.float64) + add
    return torch_conv(total, weight, bias, True, torch.float32), torch_conv(exact, weight, bias, True, torch.float64)


@cache
def scalar_unpool_conv2d(shape, skip, algorithm):
    return _testing.unpool_conv2d(*unpool_operands(shape, skip), relu=True, isa="scalar", algorithm=algorithm)


@pytest.mark.parametrize("isa", ISAS)
def test_unpool_conv2d_of_a_dense_map_with_negative_values(isa):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 5, 7)).astype(np.float32)
    codes = rng.integers(0, 4, x.shape, dtype=np.uint8)
    weight, bias = make_weights(rng, 20, 33, 5)
    y = _testing.unpool_conv2d(x, codes, None, weight, bias, isa=isa)
    assert_within(y, torch_conv(unpool(x, codes), weight, bias, False, torch.float64), 1e-5)


@pytest.mark.parametrize("algorithm", ["direct", "winograd", "winograd-ties"])
@pytest.mark.parametrize("isa", ISAS)
def test_conv2d_max_pool_is_pytorchs_pooling_of_our_convolution(isa, algorithm):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((20, 14, 122)).astype(np.float32)
    weight, bias = make_weights(rng, 20, 40, 3)
    check_max_pool(x, weight, bias, isa, algorithm)


def test_rows_alone_are_not_pooled():
    x, weight, bias = conv_operands((16, 16, 3, 6, 8))
    with pytest.raises(ValueError, match="algorithm: row-winograd does not keep the ties that a pooling sees"):
        _testing.conv2d_max_pool(x, weight, bias, algorithm="row-winograd")
    with pytest.raises(ValueError, match="algorithm: row-winograd does not keep the ties that a pooling sees"):
        _testing.layer_seconds(x, weight, bias, pool=True, algorithm="row-winograd")


@pytest.mark.parametrize("isa", ISAS)
def test_the_first_of_several_maxima_wins(isa):
    rng = np.random.default_rng(5)
    x = rng.integers(-2, 3, (20, 14, 22)).astype(np.float32)  # an identity convolution: most windows have ties
    check_max_pool(x, np.eye(20, dtype=np.float32)[:, :, None, None], np.zeros(20, np.float32), isa, "direct")


@pytest.mark.parametrize("algorithm", ["direct", "winograd-ties"])
@pytest.mark.parametrize("constant", ["rows", "columns", "both"])
@pytest.mark.parametrize("isa", ISAS)
def test_equal_pixels_give_equal_results(isa, constant, algorithm):
    """Where the input does not change along an axis neither may the output, to the bit: pooling breaks the tie."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((64, 18, 34)).astype(np.float32)
    if constant in ("rows", "both"):
        x[:] = x[:, :1, :]
    if constant in ("columns", "both"):
        x[:] = x[:, :, :1]
    weight, bias = make_weights(rng, 64, 48, 3)
    y = _testing.conv2d(x, weight, bias, isa=isa, algorithm=algorithm)[:, 1:-1, 1:-1]
    if constant in ("rows", "both"):
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :], y.shape))
    if constant in ("columns", "both"):
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :, :1], y.shape))


def areas(rng, channels, height, width):
    """Flat ones, ones that repeat every other pixel along an axis, and noise, with edges anywhere."""
    x = np.empty((channels, height, width), np.float32)
    for top in range(0, height, 7):
        for left in range(0, width, 11):
            area = x[:, top : top + 7, left : left + 11]
            rows, columns = rng.choice([1, 2, 7]), rng.choice([1, 2, 11])
            tile = rng.standard_normal((channels, rows, columns))
            area[:] = np.tile(tile, (1, 7, 11))[:, : area.shape[1], : area.shape[2]]
    return x


@pytest.mark.parametrize("shape", [(16, 40, 23, 45), (64, 16, 37, 61), (40, 33, 64, 30), (24, 48, 1, 99)], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_pixels_that_see_the_same_give_equal_results(isa, shape):
    """Their neighbour may see the same, or the one after; beyond edges of areas and of the picture, too."""
    channels, out_channels, height, width = shape
    rng = np.random.default_rng(7)
    x = areas(rng, channels, height, width)
    weight, bias = make_weights(rng, channels, out_channels, 3)
    y = _testing.conv2d(x, weight, bias, isa=isa, threads=2, algorithm="winograd-ties")
    references = (torch_conv(x, weight, bias, False, dtype) for dtype in (torch.float32, torch.float64))
    assert_as_accurate(y, *references)
    # [9 * channels, height, width]: what each pixel sees
    seen = F.unfold(torch.from_numpy(x)[None], 3, padding=1)[0].reshape(-1, height, width).numpy()
    for axis in (1, 2):
        for step in (1, 2):
            begin, end = (slice(0, -step) if y.shape[axis] > step else slice(0, 0)), slice(step, None)
            first, second = ((slice(None),) * axis + (part,) for part in (begin, end))
            same = (seen[first] == seen[second]).all(0)
            assert same.any() or y.shape[axis] == 1
            np.testing.assert_array_equal(y[first][:, same], y[second][:, same])
            assert same.all() or not (y[first] == y[second]).all(0)[~same].any()


def test_ties_are_kept_for_kernels_of_3x3():
    with pytest.raises(ValueError, match="algorithm: winograd-ties needs a 3x3 kernel, got 5"):
        _testing.conv2d(*conv_operands((16, 16, 5, 6, 8)), algorithm="winograd-ties")


def check_max_pool(x, weight, bias, isa, algorithm):
    options = {"relu": True, "isa": isa, "algorithm": algorithm, "threads": 2}
    values, codes = _testing.conv2d_max_pool(x, weight, bias, **options)
    y = torch.from_numpy(_testing.conv2d(x, weight, bias, **options))
    expected, indices = F.max_pool2d(y[None], 2, return_indices=True)
    np.testing.assert_array_equal(values, expected[0].numpy())
    rows, columns = np.divmod(indices[0].numpy(), x.shape[2])
    np.testing.assert_array_equal(codes, rows % 2 * 2 + columns % 2)


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((48, 33, 57)).astype(np.float32)
    weight, bias = make_weights(rng, 48, 64, 3)
    one = _testing.conv2d(x, weight, bias, threads=1)
    np.testing.assert_array_equal(one, _testing.conv2d(x, weight, bias, threads=5))


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("count", [1, 7, 16, 1003])
@pytest.mark.parametrize("isa", ISAS)
def test_sigmoid(isa, count, step):
    values = np.random.default_rng(0).uniform(-20, 20, count * step).astype(np.float32)
    exact = 1 / (1 + np.exp(-values[::step].astype(np.float64)))
    np.testing.assert_allclose(_testing.sigmoid(values, step=step, isa=isa), exact, rtol=5e-7, atol=0)


@pytest.mark.parametrize("isa", ISAS)
def test_sigmoid_of_extremes(isa):
    values = np.array([-np.inf, -1e30, -89, -0.0, 0, 89, 1e30, np.inf, np.nan], np.float32)
    expected = np.array([0, 0, 0, 0.5, 0.5, 1, 1, 1, np.nan], np.float32)
    np.testing.assert_allclose(_testing.sigmoid(values, isa=isa), expected, rtol=0, atol=1e-37)
