"""A patch of alpha is that of the whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dim_trt
from dim_trt.serving.patches import Box, changed, difference, halo_of, joined
from tests.support import ROOT

cv2 = pytest.importorskip("cv2")


def check(engine: dim_trt.Engine, size: tuple[int, int], count: int, largest: int, bound: float) -> int:
    """How many patches were smaller than the picture."""
    random, halo_px, smaller = np.random.default_rng(size[0]), halo_of(engine.info), 0
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
        box = changed(trimap, stroke, halo_px)
        alpha[box.part] = engine.run(img, trimap, window=box.window)
        whole = engine.run(img, trimap)
        assert np.abs(alpha - whole).max() <= bound
        known = trimap != 128
        np.testing.assert_array_equal(alpha[known], whole[known])
        smaller += box.size != size
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


def test_the_shipped_model_but_for_rounding() -> None:
    img = cv2.imread(str(ROOT / "samples" / "astronaut.png"))
    trimap = cv2.imread(str(ROOT / "samples" / "astronaut_trimap.png"), 0)
    img, trimap = np.tile(img, (2, 2, 1))[:901, :955], np.tile(trimap, (2, 2))[:901, :955]
    engine = dim_trt.Engine("lite")
    alpha = engine.run(img, trimap)
    random = np.random.default_rng(1)
    for _ in range(12):
        height, width = (int(side) for side in random.integers(4, 120, 2))
        top, left = int(random.integers(0, 901 - height)), int(random.integers(0, 955 - width))
        stroke, trimap = Box(top, left, top + height, left + width), trimap.copy()
        trimap[stroke.part] = random.choice([0, 128, 255])
        box = changed(trimap, stroke, halo_of(engine.info))
        assert box.size < trimap.shape
        alpha[box.part] = engine.run(img, trimap, window=box.window)
        whole = engine.run(img, trimap)
        # a patch of Winograd's sees more than its pixels depend on, as it rounds
        np.testing.assert_allclose(alpha, whole, rtol=0, atol=1e-6)
        alpha = whole


def test_where_nothing_is_unknown_the_stroke_alone_changes() -> None:
    trimap = np.zeros((90, 80), np.uint8)
    trimap[5:50, 7:60] = 255
    assert changed(trimap, Box(5, 7, 50, 60), 20) == Box(5, 7, 50, 60)
    trimap[70, 79] = trimap[50 + 20, 3] = 128
    assert changed(trimap, Box(5, 7, 50, 60), 20) == Box(5, 7, 50, 60), "a pixel too far"
    assert changed(trimap, Box(5, 7, 50, 60), 21) == Box(5, 3, 71, 80)


def test_what_is_scaled_for_the_network_changes_as_a_whole() -> None:
    assert halo_of({"preprocessing": {"resize": {"max_side": 512}}, "halo_px": 9}) is None
    assert halo_of({"preprocessing": {}, "halo_px": 9}) == 9
    assert changed(np.zeros((90, 80), np.uint8), Box(60, 60, 70, 70), None) == Box(0, 0, 90, 80)


def test_boxes() -> None:
    one, other, apart = Box(2, 3, 10, 20), Box(5, 0, 30, 7), Box(10, 3, 11, 4)
    assert one.overlap(other) == other.overlap(one) == Box(5, 3, 10, 7)
    assert one.overlap(apart) is None, "they only touch"
    assert joined(one, other) == Box(2, 0, 30, 20)
    assert joined(None, one) == joined(one, None) == one
    assert joined(None, None) is None
    assert one.inside(Box(1, 1, 40, 40)).outside(Box(1, 1, 40, 40)) == one


def test_where_two_trimaps_differ() -> None:
    before = np.zeros((40, 50), np.uint8)
    after = before.copy()
    assert difference(before, after, Box(0, 0, 40, 50)) is None
    after[7:9, 11:15] = 128
    for box in (Box(0, 0, 40, 50), Box(5, 9, 20, 30)):
        assert difference(before, after, box) == Box(7, 11, 9, 15)
