"""Engine.run(window=…): a part of alpha is that of the whole picture, and nothing else is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from tests.engine.test_scaling import DOWN, UP, engine_of
from tests.graph.dim_graphs import dim_onnx, network
from tests.support.compare import assert_within
from tests.support.networks import random_picture
from tests.support.tiny_graphs import tiny_dim
from training.model import ModelConfig

U8 = NDArray[np.uint8]
Window = tuple[int, int, int, int]
pytestmark = pytest.mark.filterwarnings("ignore:trimap. no pixel is known")


def trimap_of(random: np.random.Generator, height: int, width: int) -> U8:
    """Known in large parts, unknown in stripes and at single pixels."""
    trimap = np.where(np.arange(width) < width // 2, 0, 255).astype(np.uint8)[None].repeat(height, 0)
    trimap[height // 3 : height // 3 + 9] = 128
    trimap[:, -7:] = 90
    trimap[random.random((height, width)) < 0.002] = 200
    return trimap


def windows(random: np.random.Generator, height: int, width: int, count: int) -> Iterator[Window]:
    """Anywhere, of any size; the whole picture, a pixel in each corner."""
    yield 0, 0, height, width
    for top, left in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)):
        yield top, left, 1, 1
    for _ in range(count):
        top, left = int(random.integers(height)), int(random.integers(width))
        yield top, left, int(random.integers(1, height - top + 1)), int(random.integers(1, width - left + 1))


def check(engine: dim_trt.Engine, size: tuple[int, int], bound: float = 1e-5, count: int = 12) -> None:
    random = np.random.default_rng(size[0])
    img, _ = random_picture(size[1], *size)
    trimap = trimap_of(random, *size)
    whole, most = engine.run(img, trimap), 0.0
    assert whole[trimap == 128].std() > 0
    for window in windows(random, *size, count):
        top, left, height, width = window
        inside = slice(top, top + height), slice(left, left + width)
        out = np.full(size, 7, np.float32)
        view = engine.run(img, trimap, out, window=window)
        assert np.shares_memory(view, out)
        part = view.copy()
        assert_within(part, whole[inside], bound, f"{window}")
        known = (trimap == 0) | (trimap == 255)
        np.testing.assert_array_equal(part[known[inside]], whole[inside][known[inside]])
        out[inside] = 7
        assert (out == 7).all(), "nothing else is written"
        np.testing.assert_array_equal(engine.run(img, trimap, window=window), part)
        np.testing.assert_array_equal(engine.submit(img, trimap, window=window).result(), part)
        most = max(most, float(part.max()))
    assert most == 1


@pytest.mark.parametrize("size", [(131, 243), (97, 61), (33, 400)])
@pytest.mark.parametrize("orientations", [1, 2, 8])
def test_a_part_is_that_of_the_whole(plan: Path, size: tuple[int, int], orientations: int) -> None:
    check(dim_trt.Engine(plan, orientations=orientations), size)


def test_of_the_real_depth_and_in_tiles(tmp_path: Path) -> None:
    onnx.save(dim_onnx(network(ModelConfig(width=0.03))), tmp_path / "dim.onnx")
    dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")
    check(dim_trt.Engine(tmp_path / "dim.plan", memory_limit_mb=0), (601, 743), count=3)
    tiled = dim_trt.Engine(tmp_path / "dim.plan", threads=1, memory_limit_mb=smallest(tmp_path / "dim.plan"))
    assert len(tiled._open_core().tiles(np.full((601, 743), 128, np.uint8))) > 1
    check(tiled, (601, 743), count=3)


def smallest(plan: Path) -> int:
    """The least memory, in MiB, that an engine takes."""
    with pytest.raises(dim_trt.InvalidInput) as refused:
        dim_trt.Engine(plan, threads=1, memory_limit_mb=1)
    found = re.search(r"expected at least (\d+)", str(refused.value))
    assert found
    return int(found[1])


@pytest.mark.parametrize("rule", [DOWN, UP], ids=["down", "up"])
def test_of_a_picture_that_is_scaled_for_the_network(tmp_path: Path, rule: dict[str, Any]) -> None:
    engine = engine_of(tmp_path, tiny_dim(seed=3), "bgr", padding="none", trimap_values="raw", resize=rule)
    check(engine, (101, 141))


def test_what_is_not_needed_is_not_run(plan: Path) -> None:
    engine = dim_trt.Engine(plan, max_pixels=10**8)
    img, trimap = np.zeros((8000, 9000, 3), np.uint8), np.full((8000, 9000), 255, np.uint8)
    trimap[4000:4010] = 128
    engine.run(img, trimap, window=(3990, 5000, 40, 50))
    some = engine.run(img, trimap, window=(10, 10, 30, 40))
    assert some.shape == (30, 40)
    assert (some == 1).all()


def test_nothing_is_said_of_a_window_without_a_known_pixel(plan: Path, recwarn: pytest.WarningsRecorder) -> None:
    img, trimap = random_picture(1, 61, 83)
    trimap[:] = 0
    trimap[20:40] = 128
    dim_trt.Engine(plan).run(img, trimap, window=(20, 3, 20, 50))
    assert not recwarn.list


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((0, 0, 0, 5), "expected a part of the picture, which is 83x61 px, got 5x0 px at row 0, column 0"),
        ((0, 80, 5, 4), "expected a part of the picture, which is 83x61 px, got 4x5 px at row 0, column 80"),
        ((2**31 - 1, 0, 2**31 - 1, 1), "expected a part of the picture"),
        ((-1, 0, 5, 4), r"expected \(top, left, height, width\) in pixels, or None, got \(-1, 0, 5, 4\)"),
        ((0, 0, 5), "expected .top, left, height, width."),
        ((0, 0, 5, 4.0), "expected .top, left, height, width."),
        ((0, 0, 5, 2**31), "expected .top, left, height, width."),
        ("abcd", "expected .top, left, height, width."),
        (7, "expected .top, left, height, width."),
    ],
)
def test_what_is_no_window(plan: Path, window: Any, said: str) -> None:
    engine = dim_trt.Engine(plan)
    img, trimap = random_picture(0, 61, 83)
    with pytest.raises(dim_trt.InvalidInput, match=f"window: {said}"):
        engine.run(img, trimap, window=window)
    with pytest.raises(dim_trt.InvalidInput, match=f"window: {said}"):
        engine.submit(img, trimap, window=window).result()


def test_lists_and_numbers_of_numpy_are_windows(plan: Path) -> None:
    img, trimap = random_picture(0, 61, 83)
    part = dim_trt.Engine(plan).run(img, trimap, window=[np.int64(3), np.int32(4), np.uint8(5), 6])  # type: ignore[call-overload]
    assert part.shape == (5, 6)
