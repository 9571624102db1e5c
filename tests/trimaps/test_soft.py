"""Trimaps from rough soft masks: the picture's colors mend them, hair is given room, and doubt is unknown."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt import trimaps
from dim_trt.errors import InvalidInput
from dim_trt.trimaps import from_mask, from_soft_mask

pytestmark = pytest.mark.public
SIZE = (211, 277)
FRONT, BACK = (40, 60, 200), (180, 150, 60)


def scene(inside: NDArray[np.bool_], front: Any = FRONT, back: Any = BACK) -> NDArray[np.uint8]:
    """Two colors with the noise of a camera."""
    random = np.random.default_rng(5)
    img = np.where(inside[..., None], np.float64(front), np.float64(back)) + random.normal(0, 6, (*inside.shape, 3))
    return np.clip(img, 0, 255).astype(np.uint8)


def disc(center: tuple[int, int] = (140, 105), radius: int = 70) -> NDArray[np.bool_]:
    x, y = np.meshgrid(np.arange(SIZE[1]), np.arange(SIZE[0]))
    return np.asarray((x - center[0]) ** 2 + (y - center[1]) ** 2 < radius**2)


def rough(inside: NDArray[np.bool_], shift: int = 4) -> NDArray[np.float32]:
    """As a network draws it: at a ninth of the size, and off by some pixels."""
    small = cv2.resize(np.roll(inside, shift, 1).astype(np.float32), (31, 23), interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)


def wrong(trimap: NDArray[np.uint8], inside: NDArray[np.bool_]) -> int:
    """Known pixels that are the other layer's."""
    return int(np.count_nonzero((trimap == 255) & ~inside) + np.count_nonzero((trimap == 0) & inside))


@pytest.mark.parametrize("shift", [-7, 0, 7])
def test_colors_mend_an_outline_that_is_off(shift: int) -> None:
    inside = disc()
    img, mask = scene(inside), rough(inside, shift)
    trimap = from_soft_mask(img, mask)
    assert wrong(trimap, inside) == 0
    assert (trimap == 128).mean() < (from_mask(mask) == 128).mean() / 2
    edge = cv2.dilate(inside.view(np.uint8), np.ones((3, 3), np.uint8)) != cv2.erode(
        inside.view(np.uint8), np.ones((3, 3), np.uint8)
    )
    assert (trimap[edge] == 128).all()
    assert set(np.unique(trimap)) == {0, 128, 255}


def test_a_lost_part_is_found_again_and_a_hole_opened() -> None:
    """Within reach of the mask's outline: a handle that it cut off, a gap that it closed."""
    inside = disc()
    inside[100:106, 200:219] = True
    gap = np.zeros_like(inside)
    gap[60:150, 82:86] = True
    mask = rough(disc(), 0)
    trimap = from_soft_mask(scene(inside & ~gap), mask)
    assert not (trimap[101:105, 205:217] == 0).any()
    assert not (trimap[62:148, 82:86] == 255).any()
    assert (from_mask(mask)[101:109, 84] == 255).all()


def test_hair_has_more_room_than_a_straight_edge() -> None:
    inside = np.zeros((633, 831), np.bool_)
    inside[240:, 120:720] = True
    for start in range(120, 420, 8):
        inside[190:240, start : start + 4] = True
    small = cv2.resize(inside.astype(np.float32), (104, 79), interpolation=cv2.INTER_AREA)
    mask = np.clip(cv2.resize(small, (831, 633), interpolation=cv2.INTER_LINEAR), 0, 1)
    trimap = from_soft_mask(scene(inside), mask)
    assert wrong(trimap, inside) == 0
    unknown = trimap == 128
    assert unknown[190:240, 130:410].mean() > 0.9
    above_hair, above_edge = unknown[:190, 180:360].sum(0), unknown[:240, 500:680].sum(0)
    assert np.median(above_hair) >= 2 * np.median(above_edge)
    assert np.median(above_edge) <= 8


def test_where_colors_say_nothing_the_outline_is_unknown_as_far_as_it_may_be_off() -> None:
    inside = disc()
    img, mask = scene(inside, FRONT, FRONT), rough(inside)
    near, wide = (from_soft_mask(img, mask, off=off) for off in ("3%", "12%"))
    assert wrong(wide, inside) == 0
    assert 0.01 < (near == 128).mean() < (wide == 128).mean() / 2


def test_specks_are_noise() -> None:
    inside = disc()
    img, mask = scene(inside), rough(inside, 0)
    img[5, 5], img[105, 140] = FRONT, BACK
    trimap = from_soft_mask(img, mask)
    assert (trimap[:20, :20] == 0).all()
    assert (trimap[100:110, 135:145] == 255).all()


def test_its_own_answer_changes_little() -> None:
    """For another look, at the alpha that came of it."""
    inside = disc()
    img = scene(inside)
    again = from_soft_mask(img, inside.astype(np.float32))
    assert wrong(again, inside) == 0
    assert (again == 128).mean() < 0.05


@pytest.mark.parametrize(("value", "made"), [(0.0, 0), (0.4, 0), (1.0, 255)])
def test_masks_of_one_value(value: float, made: int) -> None:
    trimap = from_soft_mask(scene(disc()), np.full(SIZE, value, np.float32))
    assert (trimap == made).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_small_pictures(size: tuple[int, int]) -> None:
    mask = np.ones(size, np.float32)
    mask[:, : size[1] // 2] = 0
    trimap = from_soft_mask(np.zeros((*size, 3), np.uint8), mask)
    assert trimap.shape == size
    assert trimap.dtype == np.uint8


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.uint16, np.float64])
def test_masks_of_all_types(kind: Any) -> None:
    inside = disc()
    mask = inside.astype(kind)
    if np.issubdtype(kind, np.unsignedinteger):
        mask *= np.iinfo(kind).max
    expected = from_soft_mask(scene(inside), inside.astype(np.float32))
    np.testing.assert_array_equal(from_soft_mask(scene(inside), mask), expected)


@pytest.mark.parametrize(
    ("img", "mask", "off", "message"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5)), "8%", r"img: expected uint8 \[4, 5, 3\] as the mask"),
        (np.zeros((4, 6, 3), np.uint8), np.zeros((4, 5)), "8%", r"img: expected uint8 \[4, 5, 3\] as the mask"),
        (np.zeros((4, 5, 3)), np.zeros((4, 5)), "8%", "img: expected uint8"),
        (np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 2.0), "8%", r"mask: expected floats in 0\.\.1"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 2)), "8%", r"mask: expected \[height, width\]"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5)), "wide", "off: expected a radius"),
        (np.zeros((4, 5, 3), np.uint8), np.ones((4, 5)), -1.0, "off: expected a radius from 0"),
    ],
)
def test_bad_arguments(img: Any, mask: Any, off: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        trimaps.from_soft_mask(img, mask, off=off)


def test_what_has_the_color_of_the_object_far_from_it_stays_background() -> None:
    inside = disc((90, 105), 50)
    other = disc((245, 40), 14)
    trimap = from_soft_mask(scene(inside | other), rough(inside, 0))
    assert (trimap[other] == 0).all()
