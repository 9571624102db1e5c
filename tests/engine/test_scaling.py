"""Plans for networks that want pictures scaled instead of padded: as cv2.resize around the bare network."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt.graph.runtime import Session
from tests.support.compare import assert_within, max_error
from tests.support.networks import random_picture
from tests.support.plans import core_engine
from tests.support.testing import _testing
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim

CV2 = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
DOWN = {"round": "down", "max_side": 0, "pixels": "uint8", "img": "linear", "trimap": "linear", "alpha": "linear"}
UP = {"round": "up", "max_side": 0, "pixels": "float32", "img": "cubic", "trimap": "nearest", "alpha": "cubic"}
U8, Floats = NDArray[np.uint8], NDArray[np.float32]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("interpolation", CV2)
@pytest.mark.parametrize("whole_levels", [True, False])
def test_resample_is_cv2_resize(channels: int, interpolation: str, whole_levels: bool) -> None:
    rng = np.random.default_rng(channels)
    for height, width in ((61, 97), (101, 35), (1, 45), (33, 1), (64, 130)):
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        for size in ((32, 64), (64, 96), (height, width), (height // 2 + 1, 2 * width), (height // 2 or 1, 65), (1, 1)):
            typed = pixels if whole_levels else pixels.astype(np.float32)
            expected = cv2.resize(typed, size[::-1], interpolation=CV2[interpolation]).reshape(*size, channels)
            result = _testing.resample(pixels.astype(np.float32), size, interpolation=interpolation,
                                    whole_levels=whole_levels, strip_rows=7)  # fmt: skip
            # OpenCV places the taps of float pictures in single or double precision, by size and build
            tolerance = 1 if whole_levels and interpolation == "cubic" else 0 if whole_levels else 0.01
            assert_within(result, expected, tolerance, f"{height}x{width} to {size}")


def engine_of(folder: Path, model: onnx.ModelProto, color: str = "rgb", **preprocessing: Any) -> dim_trt.Engine:
    entry = next(entry for entry in model.metadata_props if entry.key == "dim_trt.preprocessing")
    entry.value = json.dumps(PREPROCESSING | preprocessing)
    onnx.save(model, folder / "dim.onnx")
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan", backend="cpu")
    return dim_trt.Engine(folder / "dim.plan", color=color, device="cpu")


def expected_alpha(model: onnx.ModelProto, rgb: U8, trimap: U8, resize: dict[str, Any], raw: bool = True) -> Floats:
    """cv2.resize, the network on ONNX Runtime, cv2.resize."""
    marks = trimap if raw else np.where((trimap == 0) | (trimap == 255), trimap, 128).astype(np.uint8)
    sides = (-(-side // 32) * 32 if resize["round"] == "up" else max(32, side // 32 * 32) for side in trimap.shape)
    height, width = (min(side, resize["max_side"] or side) for side in sides)
    dtype = np.dtype(resize["pixels"])
    colors = cv2.resize(rgb.astype(dtype), (width, height), interpolation=CV2[resize["img"]])
    marks = cv2.resize(marks.astype(dtype), (width, height), interpolation=CV2[resize["trimap"]])
    planes = (colors - np.float32(PREPROCESSING["mean"])) / np.float32(PREPROCESSING["std"])
    x = np.dstack([planes, marks * np.float32(1 / 255)]).transpose(2, 0, 1)[None]
    network = Session(model).run(np.ascontiguousarray(x, np.float32))[0][0, 0]
    alpha = cv2.resize(network, trimap.shape[::-1], interpolation=CV2[resize["alpha"]]).clip(0, 1)
    return np.where(trimap == 0, np.float32(0), np.where(trimap == 255, np.float32(1), alpha))


RULES = {
    "down": DOWN,
    "up": UP,
    "down to 64": DOWN | {"max_side": 64},
    "nearest": DOWN | {"img": "nearest", "trimap": "nearest", "alpha": "nearest"},
    "floats, linear": UP | {"round": "down", "img": "linear", "trimap": "linear"},
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_alpha_is_that_of_cv2_around_the_network(rule: str, color: str, tmp_path: Path) -> None:
    model = tiny_dim(seed=3)
    engine = engine_of(tmp_path, model, color, padding="none", trimap_values="raw", resize=RULES[rule])
    for height, width in ((61, 97), (101, 35), (64, 96), (33, 131), (32, 33)):
        rgb, trimap = random_picture(height, height, width)
        expected = expected_alpha(tiny_dim(seed=3), rgb, trimap, RULES[rule])
        assert expected[(trimap > 0) & (trimap < 255)].std() > 0.01
        alpha = engine.run(rgb if color == "rgb" else rgb[..., ::-1], trimap)
        assert_within(alpha, expected, 1e-4, f"{height}x{width}")
        assert np.array_equal(alpha[trimap == 0], np.zeros((trimap == 0).sum(), np.float32))
        assert np.array_equal(alpha[trimap == 255], np.ones((trimap == 255).sum(), np.float32))


def test_few_unknown_pixels_come_out_as_when_more_are(tmp_path: Path) -> None:
    """Only the scaled pixels around unknown ones are computed."""
    engine = engine_of(tmp_path, tiny_dim(seed=4), padding="none", resize=UP, trimap_values="raw")
    rgb, _ = random_picture(0, 141, 203)
    for top, left in itertools.product((0, 70, 138), (0, 100, 200)):
        trimap = np.zeros((141, 203), np.uint8)
        trimap[top : top + 3, left : left + 3] = 128
        expected = expected_alpha(tiny_dim(seed=4), rgb, trimap, UP)
        assert_within(engine.run(rgb, trimap), expected, 1e-4, f"{top} {left}")


def test_canonical_trimaps_are_scaled_after_they_were_made_canonical(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, tiny_dim(), padding="none", resize=DOWN)
    rgb, trimap = random_picture(5, 77, 51)
    assert_within(engine.run(rgb, trimap), expected_alpha(tiny_dim(), rgb, trimap, DOWN, raw=False), 1e-4)
    assert max_error(engine.run(rgb, trimap), expected_alpha(tiny_dim(), rgb, trimap, DOWN)) > 1e-4


def test_raw_trimaps_are_fed_as_they_are_where_pictures_are_padded(tmp_path: Path) -> None:
    rgb, trimap = random_picture(6, 64, 96)
    raw = engine_of(tmp_path, tiny_dim(), trimap_values="raw").run(rgb, trimap)
    canonical = engine_of(tmp_path, tiny_dim()).run(rgb, trimap)
    assert_within(raw, expected_alpha(tiny_dim(), rgb, trimap, DOWN), 1e-4)
    assert_within(canonical, expected_alpha(tiny_dim(), rgb, trimap, DOWN, raw=False), 1e-4)
    assert max_error(raw, canonical) > 1e-4


def test_any_memory_order_and_any_number_of_threads(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, tiny_dim(), padding="none", resize=DOWN | {"max_side": 96})
    rgb, trimap = random_picture(7, 133, 181)
    expected = engine.run(rgb, trimap)
    mirrored = np.ascontiguousarray(rgb[::-1, ::-1])[::-1, ::-1]
    out = np.empty((181, 133), np.float32).T
    assert np.array_equal(engine.run(mirrored, np.asfortranarray(trimap), out=out), expected)
    alone = dim_trt.Engine(tmp_path / "dim.plan", threads=1, color="rgb", device="cpu")
    assert_within(alone.run(rgb, trimap), expected, 1e-6)


def test_pictures_below_the_stride_are_scaled_up(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, tiny_dim(), padding="none", resize=DOWN)
    for size in ((7, 5), (3, 29), (31, 40)):
        rgb, trimap = random_picture(8, *size)
        trimap[-1, -1] = 255
        assert_within(
            engine.run(rgb, trimap), expected_alpha(tiny_dim(), rgb, trimap, DOWN, raw=False), 1e-4, str(size)
        )


def test_the_plan_says_what_it_does(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, tiny_dim(), padding="none", resize=UP, trimap_values="raw")
    assert engine.info["preprocessing"]["resize"] == UP
    assert engine.info["preprocessing"]["trimap_values"] == "raw"
    assert sum(time for _, time in engine.profile(*random_picture(0, 61, 97))) > 0


@pytest.mark.parametrize("preprocessing", [{"padding": "none", "resize": UP}, {"padding": "none"}], ids=["up", "as is"])
def test_tiles_give_the_same_alpha(preprocessing: dict[str, Any], tmp_path: Path) -> None:
    whole = engine_of(tmp_path, tiny_dim(seed=5), **preprocessing)
    rgb, trimap = random_picture(9, 451, 603)
    tiled = core_engine(tmp_path / "dim.plan", threads=2, rgb=True, memory_bytes=12 << 20)
    assert len(tiled.tiles(trimap)) > 1
    assert_within(tiled.run(rgb, trimap), whole.run(rgb, trimap), 1e-5)
