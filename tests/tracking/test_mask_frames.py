"""Masks of single frames, some of them wrong, joined over time: people come and go, and nobody says who they are."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt.masks import Automatic
from dim_trt.tracking import Frame, MaskFrames
from dim_trt.tracking.mask_frames import PAST
from tests.tracking.scenes import BACKGROUND, HEIGHT, OBJECT, WIDTH

pytestmark = pytest.mark.public
U8, F32 = NDArray[np.uint8], NDArray[np.float32]
Clip = list[tuple[Frame, F32]]
COUNT = 48


def people(count: int = COUNT) -> Clip:
    """One comes in from the left and leaves on the right; a second one comes from the right and turns back."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    frames = []
    for index in range(count):
        picture, alpha = 0.5 * BACKGROUND[:, :WIDTH], np.zeros((HEIGHT, WIDTH), np.float32)
        for centre, start in ((7 * index - 40, 0), (WIDTH + 40 - 4 * min(index, count - index), 70)):
            body = 0.5 * np.roll(OBJECT[:, start : start + WIDTH], round(centre), 1) + (30, 60, 125)
            inside = np.clip(np.minimum(26 - np.abs(x - centre), y - 40) + 0.5, 0, 1)
            inside = np.maximum(inside, np.clip(18.5 - np.hypot(x - centre, y - 30), 0, 1))
            picture = inside[..., None] * body + (1 - inside[..., None]) * picture
            alpha = np.maximum(alpha, inside)
        frames.append((Frame(index, np.clip(picture, 0, 255).astype(np.uint8), index / 25), alpha.astype(np.float32)))
    return frames


def network(clip: Clip, *, right: float = 1.0) -> Callable[[U8], F32]:
    """A stand-in that knows the truth: at a fifth of the size, off by some pixels; in the other frames wrong."""
    random, known = np.random.default_rng(3), {}
    for frame, truth in clip:
        mask = truth if right == 1 else np.roll(truth, random.integers(-3, 4, 2), (0, 1))
        if right < 1 and random.random() >= right:  # nothing at all, or something else
            mask = np.zeros_like(truth)
            if random.random() < 0.5:
                cv2.circle(mask, (int(random.integers(WIDTH)), int(random.integers(HEIGHT))), 25, 1.0, -1)
        small = cv2.resize(mask, (WIDTH // 5, HEIGHT // 5), interpolation=cv2.INTER_AREA)
        known[frame.image.tobytes()] = np.clip(cv2.resize(small, (WIDTH, HEIGHT)), 0, 1)
    return lambda img: known[img.tobytes()]


def mattes(clip: Clip, source: MaskFrames, engine: dim_trt.Engine) -> list[F32]:
    seen = [source.look(frame) for frame, _ in clip]
    pairs = zip(clip, seen, strict=True)
    return [engine.run(frame.image, source.trimap(frame, one, None)) for (frame, _), one in pairs]


def error(clip: Clip, alphas: list[F32]) -> float:
    return float(np.mean([np.abs(alpha - truth).mean() for alpha, (_, truth) in zip(alphas, clip, strict=True)]))


def test_a_source_that_is_wrong_now_and_then_is_nearly_as_good_as_the_truth() -> None:
    clip, engine = people(), dim_trt.Engine("lite")
    of_truth = error(clip, mattes(clip, MaskFrames(Automatic(network(clip))), engine))
    joined = error(clip, mattes(clip, MaskFrames(Automatic(network(clip, right=0.8))), engine))
    single = network(clip, right=0.8)
    alone = error(clip, [engine.run(f.image, Automatic(single).trimap(f.image)) for f, _ in clip])
    print(f"mean error: masks that are true {of_truth:.4f}, right in 80 % {joined:.4f}, each by itself {alone:.4f}")
    assert of_truth < 0.02
    assert joined <= 1.3 * of_truth
    assert alone > 2 * joined


def test_who_comes_in_is_there_at_once() -> None:
    clip, source = people(), MaskFrames(Automatic(network(people())))
    seen = [source.look(frame).joined for frame, _ in clip]
    for mask, (_, truth) in zip(seen, clip, strict=True):
        assert np.abs(mask - truth).mean() < 0.05


def test_a_run_that_goes_on_gives_the_same_trimaps() -> None:
    clip = people(20)
    whole, rest = (MaskFrames(Automatic(network(clip, right=0.8))) for _ in range(2))
    expected = [whole.trimap(frame, whole.look(frame), None) for frame, _ in clip]
    start = rest.first_look(15)
    assert start == 15 - PAST
    again = [rest.trimap(frame, rest.look(frame), None) for frame, _ in clip[start:]]
    for one, other in zip(again[15 - start :], expected[15:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_doubt_is_where_a_frame_disagrees() -> None:
    clip = people(30)
    true = network(clip)

    def once_empty(img: U8) -> F32:
        return np.zeros(img.shape[:2], np.float32) if img is clip[20][0].image else true(img)

    source, doubts = MaskFrames(Automatic(once_empty)), []
    for frame, truth in clip:
        seen = source.look(frame)
        doubts.append(source.doubt(seen, source.trimap(frame, seen, None), truth))
    assert doubts[20] > 0.8
    assert max(doubts[5:20] + doubts[21:25]) < 0.2


def test_a_cut_forgets_what_was_before() -> None:
    clip = people(10)
    other = Frame(10, np.asarray(255 - clip[9][0].image[::-1, ::-1]), 0.4)
    true = network(clip)
    source = MaskFrames(Automatic(lambda img: np.zeros(img.shape[:2], np.float32) if img is other.image else true(img)))
    for frame, _ in clip:
        source.look(frame)
    assert not source.look(other).joined.any()


def test_the_largest_alone() -> None:
    clip = people()
    source, frame = MaskFrames(Automatic(network(clip), largest=True)), clip[18][0]
    joined = source.look(frame).joined
    count, _ = cv2.connectedComponents((joined >= 0.5).view(np.uint8))
    assert count == 2
    both, _ = cv2.connectedComponents((MaskFrames(Automatic(network(clip))).look(frame).joined >= 0.5).view(np.uint8))
    assert both == 3


def test_a_clip_without_object_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    source = MaskFrames(Automatic(lambda img: np.zeros(img.shape[:2], np.float32)))
    for frame, _ in people(4):
        assert not source.trimap(frame, source.look(frame), None).any()
    source.close()
    assert caplog.text.count("no object was found in any frame") == 1
    assert len(caplog.records) == 1
