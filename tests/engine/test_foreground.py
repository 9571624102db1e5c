"""Foreground and background colors under a matte, against drawn scenes and pymatting."""

from __future__ import annotations

import functools
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.foreground import estimate

SIZE = (117, 163)
HALF = np.float32(0.5)


def scenes(families: tuple[str, ...] = ("hair", "leaves", "smoke", "defocus", "net")) -> list:
    """Drawn pictures with known foreground; a visible skip without what draws them."""
    module = pytest.importorskip("training.scenes.drawing")
    from training.scenes.textures import Size

    return [module.draw_scene(np.random.default_rng((7, i)), Size(*SIZE), name) for i, name in enumerate(families)]


def error(foreground: NDArray, scene) -> float:
    """Mean over mixed pixels of what a composite sees: alpha · |F - true F|."""
    mixed = (scene.alpha > 0) & (scene.alpha < 1)
    return float((scene.alpha[..., None] * np.abs(foreground - scene.foreground))[mixed].mean())


def as_float(img: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (img / np.float32(255)).astype(np.float32)


def random_case(size: tuple[int, int], seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    alpha = np.clip(random.random(size, np.float32) * 2 - 0.5, 0, 1).astype(np.float32)
    return random.integers(0, 256, (*size, 3), np.uint8), alpha


# quality


def test_error_is_at_most_that_of_pymatting() -> None:
    pymatting = pytest.importorskip("pymatting")
    cases = scenes()
    ours = [error(estimate(as_float(s.image), s.alpha)[0], s) for s in cases]
    theirs = [error(pymatting.estimate_foreground_ml(as_float(s.image), s.alpha), s) for s in cases]
    assert np.mean(ours) <= 1.05 * np.mean(theirs), (ours, theirs)


@pytest.mark.measures
def test_faster_than_pymatting_on_one_thread() -> None:
    pymatting, numba = pytest.importorskip("pymatting"), pytest.importorskip("numba")
    (scene,) = scenes(("hair",))
    img = np.tile(as_float(scene.image), (6, 6, 1))
    alpha = np.tile(scene.alpha, (6, 6))

    def best_ms(call) -> float:
        times = []
        for _ in range(4):
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
        return min(times)

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    theirs_ms = best_ms(functools.partial(pymatting.estimate_foreground_ml, img, alpha, return_background=True))
    numba.set_num_threads(threads)
    ours_ms = best_ms(functools.partial(estimate, img, alpha, threads=1))
    print(f"{img.shape[0]}x{img.shape[1]}: {ours_ms:.0f} ms, pymatting {theirs_ms:.0f} ms")
    assert ours_ms < theirs_ms / 1.2  # a busy machine is no excuse for less; alone it is half


def test_composites_over_a_new_background_are_nearer_to_the_truth_than_with_the_picture_itself() -> None:
    ratios = []
    for scene in scenes():
        alpha, new = scene.alpha[..., None], np.float32([0.1, 0.7, 0.3])
        truth = alpha * scene.foreground + (1 - alpha) * new
        mixed = (scene.alpha > 0) & (scene.alpha < 1)
        errors = [
            np.abs(alpha * colors + (1 - alpha) * new - truth)[mixed].mean()
            for colors in (estimate(as_float(scene.image), scene.alpha)[0], as_float(scene.image))
        ]
        ratios.append(errors[0] / errors[1])
        assert ratios[-1] < 0.95, scene.family
    assert np.mean(ratios) < 0.6


def test_two_flat_colors_are_found() -> None:
    alpha = np.tile(np.clip(np.linspace(-0.5, 1.5, 61, dtype=np.float32), 0, 1), (39, 1))
    front, back = np.float32([0.9, 0.2, 0.1]), np.float32([0.1, 0.3, 0.8])
    img = (alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.float32)
    foreground, background = estimate(img, alpha)
    assert np.abs(foreground - front)[alpha > 0].max() < 0.02
    assert np.abs(background - back)[alpha < 1].max() < 0.02


# what is promised exactly


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 97), (113, 1), (7, 5), (31, 33), (65, 32)])
def test_any_size_and_known_pixels_keep_their_own_colors(size: tuple[int, int]) -> None:
    img, alpha = random_case(size)
    foreground, background = estimate(img, alpha)
    assert foreground.shape == background.shape == img.shape
    assert foreground.dtype == background.dtype == np.uint8
    np.testing.assert_array_equal(foreground[alpha == 1], img[alpha == 1])
    np.testing.assert_array_equal(background[alpha == 0], img[alpha == 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_threads_change_no_bit(dtype: type) -> None:
    img, alpha = random_case((301, 407))
    pictures = img if dtype == np.uint8 else as_float(img)
    one = estimate(pictures, alpha, threads=1)
    for threads in (2, 3, None):
        for expected, got in zip(one, estimate(pictures, alpha, threads=threads), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_wide_known_areas_keep_their_colors_and_hide_those_from_nearby(dtype: type) -> None:
    """Most of the picture is not computed; the disc lies across several strips and leaves others without any edge."""
    y, x = np.mgrid[:301, :407]
    alpha = np.clip((70 - np.hypot(y - 150, x - 133)) / 9 + 0.5, 0, 1).astype(np.float32)
    front, back = np.uint8([200, 40, 90]), np.uint8([20, 160, 60])
    img = np.rint(alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.uint8)
    img[280:, 380:] = 7  # far from the object
    pictures = img if dtype == np.uint8 else as_float(img)
    foreground, background = one = estimate(pictures, alpha, threads=1)
    np.testing.assert_array_equal(foreground[alpha == 1], pictures[alpha == 1])
    np.testing.assert_array_equal(background[alpha == 0], pictures[alpha == 0])
    scale = 1 if dtype == np.uint8 else 255
    assert np.abs(foreground.astype(np.float64) * scale - front).max() < 12
    assert np.abs(background[60:240, 40:220].astype(np.float64) * scale - back).max() < 12
    for expected, got in zip(one, estimate(pictures, alpha, threads=3), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_bytes_are_the_rounded_floats() -> None:
    img, alpha = random_case((43, 37))
    for from_bytes, from_floats in zip(estimate(img, alpha), estimate(as_float(img), alpha), strict=True):
        assert np.abs(from_bytes - from_floats * 255).max() <= 0.51


def test_strided_read_only_and_double_inputs_give_the_same() -> None:
    img, alpha = random_case((29, 41))
    expected = estimate(img, alpha)
    wide = np.zeros((29, 82, 3), np.uint8)
    wide[:, ::2] = img
    frozen = alpha.copy()
    frozen.flags.writeable = False
    for pair in ((wide[:, ::2], frozen), (np.asfortranarray(img), alpha.astype(np.float64))):
        np.testing.assert_array_equal(estimate(*pair), expected)
    swapped = estimate(np.ascontiguousarray(img[..., ::-1]), alpha)  # channels do not know of each other
    np.testing.assert_array_equal(swapped[0], expected[0][..., ::-1])


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_mattes_of_one_value(value: float) -> None:
    img, _ = random_case((23, 17))
    foreground, background = estimate(img, np.full((23, 17), value, np.float32))
    if value == 1:
        np.testing.assert_array_equal(foreground, img)
    if value == 0:
        np.testing.assert_array_equal(background, img)
    mean = img.reshape(-1, 3).mean(0)
    for layer in (foreground, background):
        assert np.abs(layer.reshape(-1, 3).mean(0) - mean).max() < 20  # not black, where nothing tells the color


def test_a_strand_of_one_pixel_gets_its_own_color() -> None:
    alpha = np.zeros((45, 63), np.float32)
    alpha[20:, 20:40] = 1
    alpha[5:20, 30] = 0.6
    img = np.where(alpha[..., None] > 0, 0.6 * np.float32([0.8, 0.1, 0.1]) + 0.4 * np.float32([0, 0, 1]), [0, 0, 1])
    img[20:, 20:40] = [0.8, 0.1, 0.1]
    foreground, _ = estimate(img.astype(np.float32), alpha)
    assert np.abs(foreground[5:20, 30] - [0.8, 0.1, 0.1]).max() < 0.1


# what is refused


@pytest.mark.parametrize(
    ("img", "alpha", "message"),
    [
        (
            np.zeros((5, 7, 3), np.uint16),
            np.zeros((5, 7), np.float32),
            r"img: expected dtype uint8, got uint16; \(img // 257\)",
        ),
        (np.zeros((5, 7, 3)), np.zeros((5, 7), np.float32), r"img: .* got float64"),
        ([[1]], np.zeros((5, 7), np.float32), "img: .* got list"),
        (np.zeros((5, 7), np.uint8), np.zeros((5, 7), np.float32), r"img: expected shape \(height, width, 3\)"),
        (np.zeros((5, 7, 4), np.uint8), np.zeros((5, 7), np.float32), r"img: expected shape .* got \(5, 7, 4\)"),
        (np.zeros((0, 7, 3), np.uint8), np.zeros((0, 7), np.float32), "img: .* sides of at least 1"),
        (np.full((5, 7, 3), 1.5, np.float32), np.zeros((5, 7), np.float32), "img: expected float32 values in 0..1"),
        (np.full((5, 7, 3), np.nan, np.float32), np.zeros((5, 7), np.float32), "img: .* NaN"),
        (np.zeros((5, 7, 3), np.uint8), np.zeros((5, 8), np.float32), r"alpha: expected .* \[5, 7\], got \[5, 8\]"),
        (np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.uint8), r"alpha: .* got uint8 \[5, 7\]"),
        (np.zeros((5, 7, 3), np.uint8), np.full((5, 7), 1.01), "alpha: expected values in 0..1"),
        (np.zeros((5, 7, 3), np.uint8), np.full((5, 7), np.nan), "alpha: .* NaN"),
    ],
)
def test_wrong_arrays_are_refused(img: NDArray, alpha: NDArray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        estimate(img, alpha)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_wrong_threads_are_refused(threads: object) -> None:
    img, alpha = random_case((5, 7))
    with pytest.raises(InvalidInput, match="threads: expected a whole number from 1"):
        estimate(img, alpha, threads=threads)  # type: ignore[arg-type]
