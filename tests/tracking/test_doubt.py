"""What is a guess stays one, colors say what motion cannot, and doubt is measured."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dim_trt.tracking import Doubts, Frame, KeyFrames
from dim_trt.tracking.anchors import Anchor
from dim_trt.tracking.appearance import Appearance
from dim_trt.tracking.doubt import doubtful_share
from dim_trt.tracking.flow import small_picture
from tests.tracking.scenes import F32, HEIGHT, U8, WIDTH, scene, truth_trimap

GREEN, PATCH = (30, 250, 30), (slice(10, 50), slice(150, 195))


def carried(patches: list[U8]) -> tuple[U8, float, float]:
    """The last trimap of a disc that rests and patches that come up beside it, and which matting takes for foreground;
    doubt of that, and of the truth."""
    first, alpha = scene(0)
    key = truth_trimap(alpha)
    source = KeyFrames({0: key}, at_cut="carry")
    assert isinstance(source, Doubts)
    previous, seen, trimap = alpha, source.look(first), key
    assert source.doubt(seen, trimap, alpha) == 0
    guessed = alpha.copy()
    guessed[PATCH] = 1
    for index, patch in enumerate(patches, 1):
        image = first.image.copy()
        image[PATCH] = patch
        frame = Frame(index, image, None)
        seen = source.look(frame)
        trimap = source.trimap(frame, seen, previous)
        previous = guessed
    return trimap, source.doubt(seen, trimap, guessed), source.doubt(seen, trimap, alpha)


def test_what_matting_guessed_does_not_become_known() -> None:
    """Something of another color goes by: it moves otherwise than the background, and no key frame showed it."""
    grain = np.random.default_rng(0).integers(-29, 30, (40, 90, 1))
    grain = cv2.blur(grain.astype(np.float32), (5, 5))[..., None] * 3
    patches = [np.clip(grain[:, 3 * i : 3 * i + 45] + GREEN, 0, 255).astype(np.uint8) for i in range(8)]
    trimap, guessed, true = carried(patches)
    inside = trimap[PATCH][10:-10, 10:-10]
    assert not (inside == 255).any()
    assert (inside == 128).mean() > 0.5
    assert guessed > 0.2
    assert true > 0.2  # it may be the object's


def test_what_has_the_backgrounds_colors_is_background() -> None:
    """The patch is a piece of the background from elsewhere, upside down, so its motion says nothing."""
    piece = scene(0)[0].image[85:125, 150:195][::-1, ::-1]
    trimap, _, true = carried([piece] * 3)
    assert (trimap[PATCH][10:-10, 10:-10] == 0).mean() > 0.8
    assert true < 0.1


def test_colors_tell_the_object_from_its_background() -> None:
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:], picture[40:90, 60:140] = (200, 90, 40), (30, 60, 220)
    trimap = np.zeros((HEIGHT, WIDTH), np.uint8)
    trimap[40:90, 60:140] = 255
    appearance, anchor = Appearance(), Anchor.at(trimap)
    small = small_picture(picture)
    assert not appearance.evidence(small).any()
    appearance.begin(small, anchor)
    evidence = appearance.evidence(small)
    assert evidence[anchor.inside_px > 8].min() > 0.9
    assert evidence[anchor.outside_px > 8].max() < -0.9
    unseen = appearance.evidence(np.full_like(small, GREEN))
    assert np.abs(unseen).max() < 0.01


def half_plane() -> tuple[F32, U8]:
    """The left half is the object; 6 of 120 columns are unknown."""
    alpha = np.zeros((80, 120), np.float32)
    alpha[:, :60] = 1
    trimap = np.where(alpha > 0, 255, 0).astype(np.uint8)
    trimap[:, 57:63] = 128
    return alpha, trimap


def test_doubt_is_a_share_of_the_object() -> None:
    alpha, trimap = half_plane()
    nowhere, everywhere, upper = (np.zeros(alpha.shape, np.bool_) for _ in range(3))
    everywhere[:], upper[:40] = True, True
    assert doubtful_share(alpha, trimap, everywhere, everywhere) == 0
    assert doubtful_share(alpha, trimap, nowhere, nowhere) == pytest.approx(6 / 63)
    assert doubtful_share(alpha, trimap, upper, upper) == pytest.approx(32 * 6 / (80 * 60 + 32 * 3))  # a reach of 8 px
    assert doubtful_share(alpha, np.full_like(trimap, 128), everywhere, everywhere) == 1


def test_what_support_denies_is_in_doubt() -> None:
    alpha, trimap = half_plane()
    foreground = alpha > 0
    hole, another = (slice(30, 50), slice(20, 40)), (slice(30, 50), slice(80, 100))
    assert doubtful_share(alpha, trimap, foreground, ~foreground) == 0
    alpha[another] = 1
    assert doubtful_share(alpha, trimap, foreground, ~foreground) == pytest.approx(400 / 5200)
    alpha[hole] = 0
    assert doubtful_share(alpha, trimap, foreground, ~foreground) == pytest.approx(800 / 5200)


def test_doubt_without_an_object() -> None:
    nothing, everywhere = np.zeros((40, 60), np.float32), np.ones((40, 60), np.bool_)
    assert doubtful_share(nothing, np.zeros((40, 60), np.uint8), everywhere, everywhere) == 0
    assert doubtful_share(nothing, np.full((40, 60), 128, np.uint8), everywhere, everywhere) == 1
