"""dtSSD and MESSDdt against plain loops, in each convention, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.scoring.video_metrics import dtssd, messddt

pytestmark = pytest.mark.public
ALPHA = np.array([[0.0, 0.5, 1.0], [0.25, 1.0, 0.0]], np.float32)
TRUTH = np.array([[0.0, 1.0, 0.5], [0.0, 0.0, 1.0]], np.float32)
TRIMAP = np.array([[0, 128, 1], [254, 255, 0]], np.uint8)

Matte = NDArray[np.floating]


def clip(frames: int = 3, size: tuple[int, int] = (7, 11)) -> tuple[list[Matte], list[Matte], list[NDArray[np.uint8]]]:
    random = np.random.default_rng(5)
    alphas, truths = ([random.random(size).astype(np.float32) for _ in range(frames)] for _ in range(2))
    return alphas, truths, [random.choice(np.array([0, 128, 255], np.uint8), size) for _ in range(frames)]


def test_dtssd_equals_plain_loops_in_both_conventions() -> None:
    alphas, truths, trimaps = clip()
    rvm = tcvom = 0.0
    for t in range(2):
        squares = {
            at: (float(alphas[t + 1][at]) - float(alphas[t][at]) - (float(truths[t + 1][at]) - float(truths[t][at])))
            ** 2
            for at in np.ndindex(7, 11)
        }
        rvm += 100 * math.sqrt(sum(squares.values()) / len(squares))
        tcvom += math.sqrt(sum(value for at, value in squares.items() if trimaps[t][at] == 128))
    assert dtssd(alphas, truths, convention="rvm") == pytest.approx(rvm / 3, rel=1e-6)
    assert dtssd(alphas, truths, trimaps, convention="tcvom") == pytest.approx(tcvom / 3, rel=1e-6)


def loop_bilinear(values: Matte, x: float, y: float) -> float:
    total = 0.0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            total += float(values[row, column]) * max(0, 1 - abs(row - y)) * max(0, 1 - abs(column - x))
    return total


def test_messddt_equals_plain_loops_in_both_conventions() -> None:
    alphas, truths, trimaps = clip()
    flows = [np.random.default_rng(t).uniform(-4, 4, (7, 11, 2)) for t in range(2)]  # some leave the frame
    flows[0][2, 3] = np.nan
    flows[1][0, 0] = 1e9
    squared = absolute = 0.0
    for t in range(2):
        for row, column in np.ndindex(7, 11):
            x, y = flows[t][row, column]
            if trimaps[t][row, column] == 128 and not math.isnan(x):
                now = float(alphas[t][row, column]) - float(truths[t][row, column])
                error = alphas[t + 1].astype(np.float64) - truths[t + 1]
                after = loop_bilinear(error, column + x, row + y)
                squared += abs(now**2 - after**2)
                absolute += abs(now - after)
    assert messddt(alphas, truths, trimaps, flows, convention="squared") == pytest.approx(squared / 3, rel=1e-6)
    assert messddt(alphas, truths, trimaps, flows, convention="absolute") == pytest.approx(absolute / 3, rel=1e-6)


def test_a_steady_error_does_not_flicker() -> None:
    alphas, truths, trimaps = [ALPHA] * 4, [TRUTH] * 4, [TRIMAP] * 4
    still = [np.zeros((*ALPHA.shape, 2), np.float32)] * 3
    assert dtssd(alphas, truths, convention="rvm") == 0
    assert dtssd(alphas, truths, trimaps, convention="tcvom") == 0
    assert messddt(alphas, truths, trimaps, still, convention="squared") == 0


def test_frames_without_unknown_pixels_add_nothing() -> None:
    alphas, truths, _ = clip()
    known = [np.zeros((7, 11), np.uint8)] * 3
    assert dtssd(alphas, truths, known, convention="tcvom") == 0
    assert messddt(alphas, truths, known, [np.zeros((7, 11, 2))] * 2, convention="absolute") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"convention": "mean"}, "convention: expected one of squared, absolute, got 'mean'"),
        ({"alphas": [ALPHA], "truths": [TRUTH]}, "alphas: expected at least two frames, got 1"),
        ({"truths": [TRUTH]}, "truths: expected as many frames as alphas, 2, got 1"),
        ({"trimaps": [TRIMAP]}, "trimaps: expected as many frames as alphas, 2, got 1"),
        ({"alphas": [ALPHA, ALPHA * np.nan]}, "frame 1: alpha: expected values in 0..1"),
        ({"alphas": [ALPHA, ALPHA.T], "truths": [TRUTH, TRUTH.T]}, "frame 1: alpha: expected the size of frame 0"),
        ({"truths": [TRUTH, TRUTH.T]}, "frame 1: truth: expected the size of alpha"),
        ({"trimaps": [TRIMAP.T, TRIMAP]}, "frame 0: trimap: expected uint8"),
        ({"flows": []}, "flows: expected 1, one for each pair of frames, got 0"),
        ({"flows": [np.zeros((2, 3))]}, "frame 0: flow: expected floating point .2, 3, 2."),
    ],
)
def test_clips_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "alphas": [ALPHA] * 2,
        "truths": [TRUTH] * 2,
        "trimaps": [TRIMAP] * 2,
        "flows": [np.zeros((2, 3, 2))],
        "convention": "squared",
    }
    with pytest.raises(InvalidInput, match=message):
        messddt(**(arguments | change))


def test_dtssd_needs_trimaps_where_it_says_so() -> None:
    with pytest.raises(InvalidInput, match="trimaps: expected as many frames as alphas, 2, got 0"):
        dtssd([ALPHA] * 2, [TRUTH] * 2, convention="tcvom")
    with pytest.raises(InvalidInput, match="convention: expected one of rvm, tcvom, got 'squared'"):
        dtssd([ALPHA] * 2, [TRUTH] * 2, convention="squared")
