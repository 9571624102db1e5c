"""A patch of alpha is that of the whole picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt.serving.patches import Box, Reach, alpha_of
from tests.support import ROOT

cv2 = pytest.importorskip("cv2")


def check(engine: dim_trt.Engine, size: tuple[int, int], count: int, largest: int, bound: float) -> int:
    """How many windows were smaller than the picture."""
    random, reach, smaller = np.random.default_rng(size[0]), Reach.of(engine.info), 0
    img = cv2.GaussianBlur(random.integers(0, 256, (*size, 3), np.uint8), (0, 0), 2)
    trimap = np.zeros(size, np.uint8)
    trimap[:, size[1] // 2 :] = 255
    trimap[size[0] // 3 : size[0] // 3 + 9] = 128
    alpha = engine.run(img, trimap)
    for _ in range(count):
        height, width = (int(random.integers(1, largest)) for _ in range(2))
        top, left = (int(random.integers(0, side - own)) for side, own in zip(size, (height, width), strict=True))
        stroke = Box(top, left, top + height, left + width)
        trimap[stroke.part] = random.choice([0, 128, 255])
        box = reach.changed(trimap, stroke)
        window, part = alpha_of(engine.run, reach, img, trimap, box)
        alpha[box.part] = part[box.inside(window).part]
        whole = engine.run(img, trimap)
        assert np.abs(alpha - whole).max() <= bound
        known = trimap != 128
        np.testing.assert_array_equal(alpha[known], whole[known])
        smaller += window.size != size
        alpha = whole if bound else alpha
    return smaller


@pytest.mark.parametrize("size", [(131, 243), (97, 400), (259, 61), (40, 39)])
@pytest.mark.parametrize("orientations", [1, 2, 8])
@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
def test_strokes_one_after_the_other_give_the_whole_pictures_alpha(
    plan: Path, size: tuple[int, int], orientations: int
) -> None:
    engine = dim_trt.Engine(plan, orientations=orientations)
    smaller = check(engine, size, 25, 30, 1e-6)
    assert smaller > 10 or size == (40, 39)


def test_the_shipped_model_to_the_bit() -> None:
    img = cv2.imread(str(ROOT / "samples" / "astronaut.png"))
    trimap = cv2.imread(str(ROOT / "samples" / "astronaut_trimap.png"), 0)
    img, trimap = np.tile(img, (2, 2, 1))[:901, :955], np.tile(trimap, (2, 2))[:901, :955]
    engine = dim_trt.Engine("lite")
    reach = Reach.of(engine.info)
    alpha = engine.run(img, trimap)
    for top, left, value in [(100, 150, 128), (560, 640, 0), (880, 900, 255), (0, 0, 128)]:
        stroke = Box(top, left, min(top + 30, 901), min(left + 40, 955))
        trimap = trimap.copy()
        trimap[stroke.part] = value
        box = reach.changed(trimap, stroke)
        window, part = alpha_of(engine.run, reach, img, trimap, box)
        assert window.size < trimap.shape
        alpha[box.part] = part[box.inside(window).part]
        np.testing.assert_array_equal(alpha, engine.run(img, trimap))


def test_where_nothing_is_unknown_nothing_is_run() -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("it was run")

    reach = Reach(20, 32, (1, 1))
    trimap = np.zeros((90, 80), np.uint8)
    trimap[5:50, 7:60] = 255
    box = reach.changed(trimap, Box(5, 7, 50, 60))
    assert box == Box(5, 7, 50, 60)
    window, alpha = alpha_of(refuse, reach, np.zeros((90, 80, 3), np.uint8), trimap, box)
    assert window == box
    assert (alpha == 1).all()


def test_what_is_scaled_for_the_network_is_run_whole() -> None:
    info = {"preprocessing": {"resize": {"max_side": 512}, "stride": 32}, "shapes": {"min": [1, 1]}, "halo_px": 9}
    reach = Reach.of(info)
    trimap = np.zeros((90, 80), np.uint8)
    trimap[3, 3] = 128
    assert reach.changed(trimap, Box(60, 60, 70, 70)) == Box(0, 0, 90, 80)
    assert reach.window(Box(60, 60, 70, 70), (90, 80)) == Box(0, 0, 90, 80)


def test_windows_have_what_the_network_looks_at() -> None:
    random = np.random.default_rng(0)
    for _ in range(2000):
        size = tuple(int(side) for side in random.integers(1, 500, 2))
        reach = Reach(int(random.integers(0, 120)), 32, (40, 40))
        ends = [sorted(random.integers(0, side + 1, 2).tolist()) for side in size]
        (top, bottom), (left, right) = ends
        if top == bottom or left == right:
            continue
        wanted = Box(top, left, bottom, right)
        window = reach.window(wanted, (size[0], size[1]))
        needed = wanted.grown(reach.halo_px or 0, (size[0], size[1]))
        assert window.joined(needed) == window
        for first, end, side in ((window.top, window.bottom, size[0]), (window.left, window.right, size[1])):
            assert 0 <= first < end <= side
            assert first % 32 == 0
            assert (side - end) % 32 == 0
            assert end - first >= min(side, 40)
            if end == side or first == 0:
                assert end - first >= min(side, 33)
