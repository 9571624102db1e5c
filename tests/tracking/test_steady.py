"""The temporal filter: less flicker, edges that move stay sharp, known pixels stay exact."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.scoring.video_metrics import dtssd
from dim_trt.tracking.sources import ConstantTrimap, Frame
from dim_trt.tracking.steady import Steady, with_motion
from tests.tracking.scenes import HEIGHT, WIDTH, scene, truth_trimap

F32 = NDArray[np.float32]


def filtered(steady: Steady, frames: list[tuple[Frame, F32]], alphas: list[F32]) -> list[F32]:
    source, previous, found = with_motion(ConstantTrimap(np.full((HEIGHT, WIDTH), 128, np.uint8))), None, []
    for (frame, _), alpha in zip(frames, alphas, strict=True):
        previous = steady(frame, source.look(frame), alpha, previous)
        found.append(previous)
    return found


def flickering(frames: list[tuple[Frame, F32]]) -> list[F32]:
    """The true alpha with noise where it is unknown."""
    rng = np.random.default_rng(5)
    noisy = (truth + rng.normal(0, 0.08, truth.shape).astype(np.float32) for _, truth in frames)
    return [
        np.where(truth_trimap(truth) == 128, np.clip(alpha, 0.001, 0.999), truth).astype(np.float32)
        for alpha, (_, truth) in zip(noisy, frames, strict=True)
    ]


@pytest.mark.parametrize("step", [0, 3])
def test_flicker_falls_and_the_error_hardly_rises(step: int) -> None:
    frames = [scene(index, step=step) for index in range(12)]
    truths, alphas = [truth for _, truth in frames], flickering(frames)
    steadier = filtered(Steady(), frames, alphas)
    before, after = (dtssd(clip, truths, convention="rvm") for clip in (alphas, steadier))
    assert after < 0.9 * before
    errors = [np.mean([np.abs(a - t).sum() for a, t in zip(clip, truths, strict=True)]) for clip in (alphas, steadier)]
    assert errors[1] < 1.03 * errors[0]
    for alpha, steady_alpha in zip(alphas, steadier, strict=True):
        known = (alpha == 0) | (alpha == 1)
        np.testing.assert_array_equal(steady_alpha[known], alpha[known])
        assert steady_alpha.min() >= 0
        assert steady_alpha.max() <= 1


def test_no_strength_changes_nothing_and_the_first_frame_never_changes() -> None:
    frames = [scene(index) for index in range(3)]
    alphas = flickering(frames)
    for found, alpha in zip(filtered(Steady(0), frames, alphas), alphas, strict=True):
        np.testing.assert_array_equal(found, alpha)
    np.testing.assert_array_equal(filtered(Steady(), frames, alphas)[0], alphas[0])


def test_nothing_is_carried_over_a_cut() -> None:
    frames = [scene(0), scene(1)]
    frames[1] = (Frame(1, np.ascontiguousarray(frames[1][0].image[::-1, ::-1]), None), frames[1][1])
    alphas = flickering(frames)
    np.testing.assert_array_equal(filtered(Steady(), frames, alphas)[1], alphas[1])


def test_bad_arguments() -> None:
    with pytest.raises(InvalidInput, match="strength: expected 0 to less than 1, got 1"):
        Steady(1)
    frame, alpha = scene(0)
    with pytest.raises(InvalidInput, match="with_motion"):
        Steady()(frame, None, alpha, alpha)
