"""The metrics against plain loops over pixels and against sums written out, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.arrays import unknown_pixels
from dim_trt.errors import InvalidInput
from dim_trt.scoring.metrics import METRICS, connectivity, gradient, mad, measure, mse, sad

pytestmark = pytest.mark.public
ALPHA = np.array([[0.0, 0.5, 1.0], [0.25, 1.0, 0.0]], np.float32)
TRUTH = np.array([[0.0, 1.0, 0.5], [0.0, 0.0, 1.0]], np.float32)
TRIMAP = np.array([[0, 128, 1], [254, 255, 0]], np.uint8)  # three unknown pixels, of any value
ALL = [sad, mse, mad, gradient, connectivity, measure]

Matte = NDArray[np.floating]


# The same by plain loops


def loop_gradient(alpha: Matte, truth: Matte, pixels: NDArray[np.bool_]) -> float:
    """As the official code: 2-D kernels normalised as a whole, border replicated."""
    half = 4
    kernel = [
        [-x * math.exp(-(x * x + y * y) / (2 * 1.4**2)) for x in range(-half, half + 1)] for y in range(-half, half + 1)
    ]
    norm = math.sqrt(sum(v * v for row in kernel for v in row))
    height, width = alpha.shape
    total = 0.0
    stretched = [loop_stretch(matte) for matte in (alpha, truth)]
    for row, column in np.argwhere(pixels):
        magnitudes = []
        for matte in stretched:
            along_x = along_y = 0.0
            for dy in range(-half, half + 1):
                for dx in range(-half, half + 1):
                    at = matte[min(max(row + dy, 0), height - 1)][min(max(column + dx, 0), width - 1)]
                    along_x += kernel[dy + half][dx + half] / norm * at
                    along_y += kernel[dx + half][dy + half] / norm * at
            magnitudes.append(math.hypot(along_x, along_y))
        total += (magnitudes[0] - magnitudes[1]) ** 2
    return total / 1000


def loop_stretch(matte: Matte) -> list[list[float]]:
    values = [[float(v) for v in row] for row in matte]
    low, high = min(map(min, values)), max(map(max, values))
    return [[(v - low) / (high - low) if high > low else v for v in row] for row in values]


def loop_components(pixels: NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    """4-connected components, in the order of their first pixel column by column."""
    left = {(int(row), int(column)) for row, column in np.argwhere(pixels)}
    components = []
    for start in sorted(left, key=lambda at: (at[1], at[0])):
        if start not in left:
            continue
        component, queue = set(), [start]
        left.remove(start)
        while queue:
            row, column = queue.pop()
            component.add((row, column))
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if near in left:
                    left.remove(near)
                    queue.append(near)
        components.append(component)
    return components


def loop_connectivity(alpha: Matte, truth: Matte, pixels: NDArray[np.bool_]) -> float:
    levels: dict[tuple[int, int], float] = {}
    for step in range(1, 11):
        threshold = np.float32(step / 10)
        reached = (alpha.astype(np.float32) >= threshold) & (truth.astype(np.float32) >= threshold)
        source = max(loop_components(reached), key=len, default=set())  # the first among equals
        for at in np.ndindex(alpha.shape):
            if at not in source:
                levels.setdefault(at, (step - 1) / 10)
    total = 0.0
    for row, column in np.argwhere(pixels):
        level = levels.get((int(row), int(column)), 1.0)
        degrees = []
        for matte in (alpha, truth):
            above = float(matte[row, column]) - level
            degrees.append(1 - above if above >= 0.15 else 1.0)
        total += abs(degrees[0] - degrees[1])
    return total / 1000


def loops(alpha: Matte, truth: Matte, pixels: NDArray[np.bool_]) -> dict[str, float]:
    differences = [abs(float(alpha[at]) - float(truth[at])) for at in np.ndindex(alpha.shape) if pixels[at]]
    return {
        "sad": sum(differences) / 1000,
        "mse": sum(d * d for d in differences) / len(differences),
        "mad": sum(differences) / len(differences),
        "gradient": loop_gradient(alpha, truth, pixels),
        "connectivity": loop_connectivity(alpha, truth, pixels),
    }


# Mattes


def soft_disc(height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
    """With a detached blob and a hole."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    ring = np.hypot(y - height * 0.6, x - width * 0.4)
    matte = np.clip(1.5 - np.abs(ring - height * 0.2) / 4, 0, 1)
    matte[: height // 5, -width // 5 :] = 0.8
    return np.clip(matte + 0.05 * random.standard_normal(matte.shape), 0, 1).astype(np.float32)


def trimap_of(truth: Matte, size: int) -> NDArray[np.uint8]:
    kernel = np.ones((size, size), np.uint8)
    trimap = np.full(truth.shape, 128, np.uint8)
    trimap[cv2.erode((truth > 0.95).astype(np.uint8), kernel) > 0] = 255
    trimap[cv2.dilate((truth > 0.05).astype(np.uint8), kernel) == 0] = 0
    return trimap


def random_pair(size: tuple[int, int], kind: str) -> tuple[Matte, Matte, NDArray[np.uint8]]:
    random = np.random.default_rng(sum(size))
    if kind == "noise":
        trimap = random.choice(np.array([0, 128, 255, 77], np.uint8), size)
        return random.random(size), random.random(size), trimap
    truth = soft_disc(*size, random)
    alpha = np.clip(cv2.GaussianBlur(truth, (0, 0), 1.5) * random.uniform(0.8, 1, size), 0, 1).astype(np.float32)
    if kind == "levels":  # of 8 bits, where values meet the thresholds 0.2, 0.4 ...
        alpha, truth = (np.rint(m * 5) * np.float32(51) / np.float32(255) for m in (alpha, truth))
    return alpha, truth, trimap_of(truth, 3)


@pytest.mark.parametrize("area", ["unknown", "whole"])
@pytest.mark.parametrize("kind", ["noise", "structured", "levels"])
@pytest.mark.parametrize("size", [(31, 45), (5, 3), (1, 9), (29, 1)])
def test_equals_plain_loops(size: tuple[int, int], kind: str, area: str) -> None:
    alpha, truth, trimap = random_pair(size, kind)
    if not unknown_pixels(trimap).any():
        trimap[0, 0] = 128
    pixels = unknown_pixels(trimap) if area == "unknown" else np.ones(size, np.bool_)
    expected = loops(alpha, truth, pixels)
    got = measure(alpha, truth, trimap, area=area)
    assert tuple(got) == METRICS
    for name, metric in zip(METRICS, (sad, mse, mad, gradient, connectivity), strict=True):
        assert got[name] == pytest.approx(expected[name], rel=1e-6, abs=1e-12), name
        assert metric(alpha, truth, trimap, area=area) == pytest.approx(got[name], rel=1e-12), name


@pytest.mark.parametrize("kind", ["noise", "structured"])
def test_zero_for_equal_mattes(kind: str) -> None:
    _, truth, trimap = random_pair((31, 45), kind)
    assert set(measure(truth, truth.copy(), trimap).values()) == {0.0}


def test_any_layout_in_memory_counts_the_same() -> None:
    alpha, truth, trimap = random_pair((31, 45), "structured")
    expected = measure(alpha, truth, trimap)
    wide = np.zeros((31, 90), np.float32)
    wide[:, ::2] = alpha
    strided = measure(wide[:, ::2], np.asfortranarray(truth), np.asfortranarray(trimap))
    assert strided == pytest.approx(expected, rel=1e-12)


# By hand


def test_unknown_region_by_hand() -> None:
    assert sad(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.5 + 0.5 + 0.25) / 1000)
    assert mse(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.25 + 0.25 + 0.0625) / 3)
    assert mad(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.5 + 0.5 + 0.25) / 3)


def test_whole_region_by_hand() -> None:
    assert sad(ALPHA, TRUTH, area="whole") == pytest.approx((0.5 + 0.5 + 0.25 + 1 + 1) / 1000)
    assert mse(ALPHA, TRUTH, area="whole") == pytest.approx((0.25 + 0.25 + 0.0625 + 1 + 1) / 6)
    assert mad(ALPHA, TRUTH, area="whole") == pytest.approx((0.5 + 0.5 + 0.25 + 1 + 1) / 6)


def test_gradient_of_a_step_against_nothing_by_hand() -> None:
    step = np.zeros((21, 31), np.float32)
    step[:, 16:] = 1
    weights = {x: -x * math.exp(-x * x / 3.92) for x in range(-4, 5)}
    across = sum(weights[x] for x in range(1, 5)) / math.sqrt(sum(w * w for w in weights.values()))
    smooth = [math.exp(-x * x / 3.92) for x in range(-4, 5)]
    along = sum(smooth) / math.sqrt(sum(v * v for v in smooth))
    trimap = np.zeros(step.shape, np.uint8)
    trimap[3, 15] = 128  # beside the step: the kernel's right half lies on it
    assert gradient(step, np.zeros_like(step), trimap) == pytest.approx((across * along) ** 2 / 1000)


def test_gradient_stretches_each_matte() -> None:
    _, truth, trimap = random_pair((31, 45), "structured")
    assert truth.min() == 0
    assert gradient(truth * np.float32(0.5) + np.float32(0.25), truth, trimap) == pytest.approx(0, abs=1e-9)
    flat = np.full((7, 9), 0.3, np.float32)
    assert gradient(flat, flat + np.float32(0.4), area="whole") == pytest.approx(0, abs=1e-20)


def test_connectivity_of_a_detached_blob() -> None:
    truth = np.zeros((9, 14), np.float32)
    truth[1:8, 1:6] = 1  # the source
    alpha = truth.copy()
    alpha[3:5, 9:12] = 0.6  # not there in truth, touching nothing
    assert connectivity(alpha, truth, area="whole") == pytest.approx(6 * 0.6 / 1000)
    truth[3:5, 9:12] = 0.9  # in both, still detached: the degrees differ by as much as the mattes
    assert connectivity(alpha, truth, area="whole") == pytest.approx(6 * 0.3 / 1000)
    bridge = np.s_[4, 6:9]
    alpha[bridge] = truth[bridge] = 1  # connected up to 0.6: 0.9 is 0.3 above, 0.6 is nothing above
    assert connectivity(alpha, truth, area="whole") == pytest.approx(6 * 0.3 / 1000, rel=1e-6)
    alpha[3:5, 9:12] = 0.8  # connected up to 0.8: 0.1 above is less than 0.15 and counts as none
    assert connectivity(alpha, truth, area="whole") == 0


def test_connectivity_has_four_neighbours() -> None:
    truth = np.zeros((6, 8), np.float32)
    truth[:3, :3] = truth[3:5, 3:5] = 1  # touch at a corner alone
    alpha = truth.copy()
    alpha[3:5, 3:5] = 0.9
    assert connectivity(alpha, truth, area="whole") == pytest.approx(4 * 0.1 / 1000, rel=1e-6)


def test_connectivity_takes_the_first_of_equal_components_by_columns() -> None:
    truth = np.zeros((4, 9), np.float32)
    truth[0, 5:8] = truth[2, 1:4] = 1  # the first by rows, the first by columns
    alpha = truth.copy()
    alpha[2, 1:4] = 0.95  # in the source at every level it reaches: below 0.15
    assert connectivity(alpha, truth, area="whole") == 0
    alpha[2, 1:4], alpha[0, 5:8] = 1, 0.95
    assert connectivity(alpha, truth, area="whole") == pytest.approx(3 * 0.05 / 1000, rel=1e-5)


def test_connectivity_without_any_common_pixel() -> None:
    assert connectivity(np.eye(3, dtype=np.float32), np.zeros((3, 3), np.float32), area="whole") == 3 / 1000


# Refusals


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": "edges"}, "area: expected one of unknown, whole, got 'edges'"),
        ({"trimap": None}, "trimap: expected uint8 .2, 3. for the unknown region, got NoneType"),
        ({"trimap": TRIMAP.astype(float)}, "trimap: expected uint8 .2, 3. .*, got float64 .2, 3."),
        ({"trimap": TRIMAP.T}, "trimap: expected uint8 .2, 3. .*, got uint8 .3, 2."),
        ({"trimap": np.zeros_like(TRIMAP)}, "the unknown region has no pixel, there is nothing to compare"),
        ({"truth": TRUTH.T}, "truth: expected the size of alpha, .2, 3., got .3, 2."),
        ({"truth": (TRUTH * 255).astype(np.uint8)}, "truth: expected a .height, width. floating point array"),
        ({"truth": TRUTH * 255}, "truth: expected values in 0..1"),
        ({"alpha": ALPHA * np.nan}, "alpha: expected values in 0..1"),
        ({"alpha": ALPHA - np.float32(0.1)}, "alpha: expected values in 0..1"),
        ({"alpha": ALPHA[None]}, "alpha: expected a .height, width. floating point array"),
        ({"alpha": [[0.5]]}, "alpha: expected a .height, width. floating point array in 0..1, got list"),
    ],
)
def test_nonsense_is_refused(metric: Callable[..., float], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        metric(**({"alpha": ALPHA, "truth": TRUTH, "trimap": TRIMAP, "area": "unknown"} | change))


@pytest.mark.parametrize("metric", ALL)
def test_an_empty_picture_is_nothing_to_compare(metric: Callable[..., float]) -> None:
    empty = np.zeros((0, 3), np.float32)
    with pytest.raises(InvalidInput, match="nothing to compare"):
        metric(empty, empty, area="whole")
