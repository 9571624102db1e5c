"""The CUDA kernels' element functions, run on the host: exact as PyTorch, and as the CPU backend.

`dim_cuda_check` compares the kernels with the same loops on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dim_trt import _core
from tests.support.compare import assert_within
from tests.support.testing import _testing

DTYPES = ["float32", "float16"]
# (n, channels, height, width)
SHAPES = [(1, 3, 2, 2), (2, 5, 7, 9), (1, 17, 6, 23), (3, 8, 12, 4), (1, 1, 3, 101), (1, 33, 5, 14)]
PICTURES = [(1, 1), (3, 2), (7, 301), (33, 31), (65, 97)]
SETTINGS: dict[str, Any] = {
    "mean": (123.675, 116.28, 103.53),
    "std": (58.395, 57.12, 57.375),
    "trimap_scale": 1 / 255,
}


def random_map(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Few different values, so that ties are common."""
    return rng.choice(np.array([0, 0, 0, 0.5, 1, -1.5, np.nan, np.inf, -np.inf], dtype), shape)


def random_trimap(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.choice(np.array([0, 1, 77, 128, 254, 255], np.uint8), shape)


def assert_identical(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal, NaN included, and something was compared."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.size > 0
    np.testing.assert_array_equal(actual, expected)


def to_hwc8(x: np.ndarray, padding: float) -> np.ndarray:
    width = -(-x.shape[1] // 8) * 8 - x.shape[1]
    return np.ascontiguousarray(np.pad(x.transpose(0, 2, 3, 1), [(0, 0)] * 3 + [(0, width)], constant_values=padding))


def torch_pool(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values, and codes from PyTorch's flat indices."""
    values, indices = F.max_pool2d(torch.from_numpy(x.astype(np.float32)), 2, return_indices=True)
    y, column = indices // x.shape[3], indices % x.shape[3]
    codes = 2 * (y % 2) + column % 2
    return values.numpy().astype(x.dtype), codes.numpy().astype(x.dtype)


def torch_unpool(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    n, channels, height, width = values.shape
    y, x = np.mgrid[:height, :width]
    code = codes.astype(np.int64)
    indices = (2 * y + code // 2) * 2 * width + 2 * x + code % 2
    up = F.max_unpool2d(torch.from_numpy(values.astype(np.float32)), torch.from_numpy(indices), 2)
    assert up.shape == (n, channels, 2 * height, 2 * width)
    return up.numpy().astype(values.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_max_pool_argmax(shape: tuple[int, ...], dtype: str) -> None:
    x = random_map(np.random.default_rng(1), shape, dtype)
    values, codes = _testing.element_max_pool_argmax(x)
    expected_values, expected_codes = torch_pool(x)
    assert_identical(values, expected_values)
    assert_identical(codes, expected_codes)


@pytest.mark.parametrize("first", range(5))
def test_max_pool_argmax_of_every_window(first: int) -> None:
    """Every window of five values: every tie, every place of every NaN."""
    options = np.array([0, 1, -np.inf, np.inf, np.nan], np.float32)
    windows = np.stack(np.meshgrid(options[first], options, options, options), -1).reshape(1, -1, 2, 2)
    values, codes = _testing.element_max_pool_argmax(windows)
    expected_values, expected_codes = torch_pool(windows)
    assert_identical(values, expected_values)
    assert_identical(codes, expected_codes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_index_unpool(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(2)
    values, codes = random_map(rng, shape, dtype), rng.integers(0, 4, shape).astype(dtype)
    assert_identical(_testing.element_index_unpool(values, codes), torch_unpool(values, codes))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_hwc8_is_the_same_with_zeros_as_padding(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x, channels = random_map(rng, shape, "float16"), shape[1]
    values, codes = _testing.element_max_pool_argmax(to_hwc8(x, np.nan), channels)
    expected_values, expected_codes = _testing.element_max_pool_argmax(x)
    assert_identical(values, to_hwc8(expected_values, 0))
    assert_identical(codes, to_hwc8(expected_codes, 0))
    up = _testing.element_index_unpool(to_hwc8(expected_values, np.nan), to_hwc8(expected_codes, 0), channels)
    assert_identical(up, to_hwc8(_testing.element_index_unpool(expected_values, expected_codes), 0))


def test_float16_of_the_host_is_numpys() -> None:
    """Every float16, the numbers half-way between neighbours, and just beside these."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = np.sort(halves[np.isfinite(halves)].astype(np.float32))
    middles = (finite[:-1] + finite[1:]) / 2
    beside = [np.nextafter(middles, np.float32(side)) for side in (-np.inf, np.inf)]
    border = np.array([65519, 65520, 65521, 1e30, -65520, np.inf, -np.inf, np.nan, 0, -0.0, 1e-45], np.float32)
    values = np.concatenate([halves.astype(np.float32), middles, *beside, border])
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16).astype(np.float32)
    actual = _testing.element_through_half(values)
    assert_identical(actual, expected)
    numbers = ~np.isnan(expected)
    assert_identical(np.signbit(actual[numbers]), np.signbit(expected[numbers]))


def orders(img: np.ndarray) -> dict[str, np.ndarray]:
    """The same pixels in other memory orders."""
    wide = np.zeros((img.shape[0], 2 * img.shape[1], 4), np.uint8)
    wide[:, ::2, :3] = img
    return {
        "interleaved": img,
        "planar": np.ascontiguousarray(img.transpose(2, 0, 1)).transpose(1, 2, 0),
        "by column": np.asfortranarray(img),
        "upside down": np.ascontiguousarray(img[::-1])[::-1],
        "mirrored": np.ascontiguousarray(img[:, ::-1])[:, ::-1],
        "channels reversed": np.ascontiguousarray(img[..., ::-1])[..., ::-1],
        "every second pixel of four channels": wide[:, ::2, :3],
    }


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("size", PICTURES, ids=str)
def test_preprocess(size: tuple[int, int], swap: bool) -> None:
    """Bit for bit as the CPU backend's, and what NumPy makes of the definition."""
    rng = np.random.default_rng(4)
    img, trimap = rng.integers(0, 256, (*size, 3), np.uint8), random_trimap(rng, size)
    padding = [(0, -size[0] % 32), (0, -size[1] % 32)]
    channels = img[..., ::-1] if swap else img
    marks = np.where((trimap == 0) | (trimap == 255), trimap, 128) / 255
    planes = [*((channels - np.float64(SETTINGS["mean"])) / SETTINGS["std"]).transpose(2, 0, 1), marks]
    expected = np.stack([np.pad(plane, padding, mode="reflect") for plane in planes])
    for name, view in orders(img).items():
        result = _testing.element_preprocess(view, trimap[:, ::-1].copy()[:, ::-1], **SETTINGS, swap=swap)
        assert_within(result, expected, 1e-6, name)
        core = _testing.element_preprocess(view, trimap, **SETTINGS, swap=swap, core=True)
        assert_identical(result.view(np.uint32), core.view(np.uint32))
        half = _testing.element_preprocess(view, trimap, **SETTINGS, swap=swap, dtype="float16")
        assert_identical(half, core.astype(np.float16))


def test_preprocess_of_every_value() -> None:
    """All 256 bytes with constants that do not divide evenly, bit for bit."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    trimap = np.arange(256, dtype=np.uint8)[None]
    for divisor in (1, 3, 57.375, 255, 1e-3):
        settings: dict[str, Any] = {"mean": (0, 103.939, 255), "std": (divisor,) * 3, "trimap_scale": 1 / divisor}
        result = _testing.element_preprocess(ramp, trimap, **settings, stride=1)
        core = _testing.element_preprocess(ramp, trimap, **settings, stride=1, core=True)
        assert_identical(result.view(np.uint32), core.view(np.uint32))


def test_preprocess_of_raw_trimaps() -> None:
    img, trimap = np.zeros((1, 256, 3), np.uint8), np.arange(256, dtype=np.uint8)[None]
    for core in (False, True):
        raw = _testing.element_preprocess(img, trimap, **SETTINGS, stride=1, raw_trimap=True, core=core)
        assert_identical(raw[3], trimap * np.float32(1 / 255))
        canonical = _testing.element_preprocess(img, trimap, **SETTINGS, stride=1, core=core)
        assert sorted(set(canonical[3, 0])) == [0, np.float32(128) * np.float32(1 / 255), 1]


@pytest.mark.parametrize("size", PICTURES, ids=str)
def test_preprocess_without_a_guide(size: tuple[int, int]) -> None:
    """The same three channels, of bytes and of scaled pictures."""
    rng = np.random.default_rng(9)
    img, trimap = rng.integers(0, 256, (*size, 3), np.uint8), random_trimap(rng, size)
    scaled = np.concatenate([img, np.zeros((*size, 1))], 2).astype(np.float32)
    for core in (False, True):
        expected = _testing.element_preprocess(img, trimap, **SETTINGS, core=core)[:3]
        for picture in (img, scaled):
            assert_identical(_testing.element_preprocess(picture, None, **SETTINGS, core=core), expected)


@pytest.mark.parametrize("size", PICTURES, ids=str)
def test_preprocess_with_zeros_behind_the_picture(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    img, trimap = rng.integers(0, 256, (*size, 3), np.uint8), random_trimap(rng, size)
    expected = _testing.element_preprocess(img, trimap, **SETTINGS).copy()
    expected[:, size[0] :] = 0
    expected[:, :, size[1] :] = 0
    for core in (False, True):
        assert_identical(_testing.element_preprocess(img, trimap, **SETTINGS, reflect=False, core=core), expected)


@pytest.mark.parametrize("swap", [False, True])
def test_preprocess_of_scaled_pictures(swap: bool) -> None:
    """Four float32: the colors, also outside 0 to 255, and what the network sees as trimap."""
    rng = np.random.default_rng(7)
    pixels = (rng.random((33, 31, 4)) * 300 - 20).astype(np.float32)
    marks = random_trimap(rng, (33, 31))
    colors = pixels[..., 2::-1] if swap else pixels[..., :3]
    planes = [*((colors - np.float64(SETTINGS["mean"])) / SETTINGS["std"]).transpose(2, 0, 1), pixels[..., 3] / 255]
    expected = np.stack([np.pad(plane, [(0, 31), (0, 1)], mode="reflect") for plane in planes])
    result = _testing.element_preprocess(pixels, marks, **SETTINGS, swap=swap)
    assert_within(result, expected, 1e-6)
    core = _testing.element_preprocess(pixels, marks, **SETTINGS, swap=swap, core=True)
    assert_identical(result.view(np.uint32), core.view(np.uint32))


def outputs(size: tuple[int, int], dtype: str) -> dict[str, np.ndarray]:
    height, width = size
    return {
        "rows": np.empty(size, dtype),
        "by column": np.empty((width, height), dtype).T,
        "upside down and mirrored": np.empty(size, dtype)[::-1, ::-1],
        "every third": np.empty((height, 3 * width), dtype)[:, ::3],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", PICTURES, ids=str)
def test_postprocess(size: tuple[int, int], dtype: str) -> None:
    rng = np.random.default_rng(5)
    trimap = random_trimap(rng, size)
    network = (3 * rng.random((size[0] + 5, size[1] + 3)) - 1).astype(dtype)
    unknown = (trimap != 0) & (trimap != 255)
    alpha = np.where(unknown, network[: size[0], : size[1]].astype(np.float32).clip(0, 1), trimap // 255)
    alpha = alpha.astype(np.float32)
    for name, out in outputs(size, "float32").items():
        _testing.element_postprocess(network, trimap, out)
        assert_identical(out, alpha)
        if dtype == "float32":
            core = np.empty(size, np.float32)
            _testing.element_postprocess(network, trimap, core, core=True)
            assert_identical(out, core)
        assert name
    for out in outputs(size, "uint8").values():
        _testing.element_postprocess(network, trimap, out)
        assert_identical(out, np.rint(alpha * np.float32(255)).astype(np.uint8))


@pytest.mark.parametrize("core", [False, True])
def test_postprocess_without_clamping(core: bool) -> None:
    network, trimap = np.array([[-0.5, 0.25, 1.5, 7, 7]], np.float32), np.array([[1, 128, 254, 0, 255]], np.uint8)
    out = np.empty((1, 5), np.float32)
    _testing.element_postprocess(network, trimap, out, core=core, clamp=False)
    assert_identical(out, np.array([[-0.5, 0.25, 1.5, 0, 1]], np.float32))


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("size", PICTURES, ids=str)
def test_postprocess_by_shares(size: tuple[int, int], core: bool) -> None:
    """Of several runs: unknown pixels are their mean, known ones what they are, whatever was there before."""
    rng = np.random.default_rng(6)
    trimap = random_trimap(rng, size)
    networks = [(3 * rng.random(size) - 1).astype(np.float32) for _ in range(4)]
    unknown = (trimap != 0) & (trimap != 255)
    mean = np.float32(0.25) * sum(network.clip(0, 1) for network in networks)
    for name, out in outputs(size, "float32").items():
        out[:] = np.nan
        for index, network in enumerate(networks):
            _testing.element_postprocess(network, trimap, out, core=core, share=0.25, adds=index > 0)
        assert_identical(out, np.where(unknown, mean, trimap // 255).astype(np.float32))
        assert name


@pytest.mark.parametrize("core", [False, True])
def test_postprocess_where_nothing_is_known(core: bool) -> None:
    rng = np.random.default_rng(10)
    network = rng.standard_normal((7, 12)).astype(np.float32)
    out = np.zeros((5, 11), np.float32)
    _testing.element_postprocess(network, None, out, core=core)
    assert_identical(out, network[:5, :11].clip(0, 1))


def test_postprocess_of_nan_and_ties() -> None:
    network = np.array([[np.nan, np.inf, -np.inf, 0.5, 1.5 / 255, 2.5 / 255, np.nan, np.nan]], np.float32)
    trimap = np.array([[128, 128, 128, 128, 128, 128, 0, 255]], np.uint8)
    alpha, alpha_u8, core = np.empty((1, 8), np.float32), np.empty((1, 8), np.uint8), np.empty((1, 8), np.float32)
    _testing.element_postprocess(network, trimap, alpha)
    _testing.element_postprocess(network, trimap, alpha_u8)
    _testing.element_postprocess(network, trimap, core, core=True)
    assert_identical(alpha, core)
    assert np.isnan(alpha[0, 0])
    assert_identical(alpha_u8, np.array([[0, 255, 0, 128, 2, 2, 0, 255]], np.uint8))


@pytest.mark.parametrize("size", PICTURES, ids=str)
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 1])
def test_unknown_box(size: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(6)
    trimap = np.where(rng.random(size) < share, 77, rng.choice(np.array([0, 255]), size)).astype(np.uint8)
    rows, columns = np.nonzero(trimap == 77)
    expected = (*size, 0, 0)
    if rows.size > 0:
        expected = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    assert _testing.element_unknown_box(trimap) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [*PICTURES[1:], (31, 32), (269, 183)])
def test_colors_of_mixed_pixels_are_those_of_the_cpu(size: tuple[int, int], dtype: type) -> None:
    """To the bit; where a layer is invisible, the CPU leaves out what the kernels compute."""
    rng = np.random.default_rng(5)
    img = rng.integers(0, 256, (*size, 3)) / (1 if dtype is np.uint8 else 255)
    alpha = np.clip(rng.normal(0.5, 0.7, size), 0, 1).astype(np.float32)
    alpha[: size[0] // 2, : size[1] // 3] = 1
    alpha[size[0] // 2 :, size[1] // 2 :] = 0
    layers = _testing.element_foreground(img.astype(dtype), alpha)
    expected = _core.estimate_foreground(img.astype(dtype), alpha, threads=1)
    for layer, cpu, visible in zip(layers, expected, (alpha > 0, alpha < 1), strict=True):
        assert_identical(layer[visible], cpu[visible])
