"""Closed-form matting that begins with the network's alpha: the minimum that its equations name, however it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import _testing
from tests.engine.test_windowed_runs import check, trimap_of
from tests.support.compare import assert_within
from tests.support.networks import random_picture

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
PRIOR, UNSURE = 0.02, 0.005


def disc(size: int, seed: int = 0) -> tuple[U8, U8, F32]:
    """A soft disc of one color over another, with noise; its trimap; alpha."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    distance = np.hypot(y - size / 2, x - size / 2) - size / 4
    alpha = np.clip(0.5 - distance / 8, 0, 1).astype(np.float32)[..., None]
    img = alpha * [200, 90, 40] + (1 - alpha) * [30, 120, 180] + random.normal(0, 3, (size, size, 3))
    trimap = np.select([distance < -7, distance > 7], [255, 0], 128).astype(np.uint8)
    return img.clip(0, 255).astype(np.uint8), trimap, alpha[..., 0]


def solve(
    img: U8, trimap: U8, guess: F32, iterations: int = 150, smallest_eigenvalue: float = 2e-4, **options: int
) -> F32:
    return _testing.closed_form(
        img,
        trimap,
        guess,
        prior=PRIOR,
        prior_unsure=UNSURE,
        iterations=iterations,
        smallest_eigenvalue=smallest_eigenvalue,
        **options,
    )


def exact(img: U8, trimap: U8, guess: F32) -> F32:
    """The same minimum by a direct solver, with pymatting's matting Laplacian."""
    pymatting = pytest.importorskip("pymatting", reason="pymatting is not installed: nothing to compare with")
    from scipy.sparse import diags
    from scipy.sparse.linalg import spsolve

    laplacian = pymatting.cf_laplacian(img / 255.0, epsilon=1e-7).tocsr()
    unknown = ((trimap != 0) & (trimap != 255)).ravel()
    wanted = guess.ravel()[unknown].astype(float)
    priors = UNSURE + (PRIOR - UNSURE) * (2 * wanted - 1) ** 2
    rows = laplacian[np.flatnonzero(unknown)]
    known = rows[:, np.flatnonzero(~unknown)] @ (trimap.ravel()[~unknown] / 255.0)
    alpha = np.full(trimap.size, -1.0)
    system = rows[:, np.flatnonzero(unknown)] + diags(priors)
    alpha[unknown] = np.clip(spsolve(system.tocsc(), priors * wanted - known), 0, 1)
    return alpha.reshape(trimap.shape).astype(np.float32)


@pytest.mark.parametrize("kind", ["colors", "gray", "noise"])
def test_it_converges_to_the_minimum(kind: str) -> None:
    img, trimap, _ = disc(61)
    random = np.random.default_rng(1)
    if kind == "gray":
        img = img[..., :1].repeat(3, 2)
    if kind == "noise":
        img = random.integers(0, 256, img.shape, np.uint8)
    guess = random.random(trimap.shape, np.float32)
    assert_within(solve(img, trimap, guess, 600), exact(img, trimap, guess), 2e-3)


def test_it_mends_a_coarse_guess() -> None:
    img, trimap, truth = disc(97)
    guess = np.where(trimap == 128, np.float32(0.5), trimap / np.float32(255))
    unknown = trimap == 128
    errors = [np.abs(alpha - truth)[unknown].mean() for alpha in (guess, solve(img, trimap, guess))]
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("size", [1, 2, 3, 4, 17])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_flat_picture_of_any_size_keeps_the_guess(size: int, value: int) -> None:
    """Where all is unknown and one color, alpha is any constant, and the guess is one."""
    img, trimap = np.full((size, 2 * size, 3), value, np.uint8), np.full((size, 2 * size), 128, np.uint8)
    assert_within(solve(img, trimap, np.full(trimap.shape, 0.25, np.float32)), np.full(trimap.shape, 0.25), 1e-5)


def test_threads_and_parts_change_no_bit() -> None:
    img, _ = random_picture(5, 211, 307)
    trimap = trimap_of(np.random.default_rng(2), 211, 307)
    guess = np.random.default_rng(3).random(trimap.shape, np.float32)
    whole = solve(img, trimap, guess, 12)
    assert (whole >= 0).sum() == ((trimap != 0) & (trimap != 255)).sum() > 3000
    for options in ({"threads": 3}, {"most_bytes": 300_000}, {"most_bytes": 1, "threads": 2}):
        np.testing.assert_array_equal(solve(img, trimap, guess, 12, **options), whole)


@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
@pytest.mark.parametrize("size", [(131, 243), (33, 400)])
def test_a_part_is_that_of_the_whole(plan: Path, size: tuple[int, int]) -> None:
    check(dim_trt.Engine(plan, closed_form=True), size)


def test_known_pixels_are_exact_and_others_change(plan: Path) -> None:
    img, trimap, _ = disc(80)
    without, engine = dim_trt.Engine(plan).run(img, trimap), dim_trt.Engine(plan, closed_form=True, orientations=2)
    alpha = engine.run(img[:, ::-1][:, ::-1], np.asfortranarray(trimap), np.empty((160, 80), np.float32)[::2])
    np.testing.assert_array_equal(alpha[trimap != 128], trimap[trimap != 128] / 255)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.abs(alpha - without)[trimap == 128].max() > 0.1
    assert engine.info["closed_form"] is True
    assert dict(engine.profile(img, trimap))["closed_form"] > 0


def test_how_far_it_looks(plan: Path) -> None:
    near, far = (dim_trt.Engine(plan, closed_form=flag).info["halo_px"] for flag in (False, True))
    assert far == near + 300


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_other_values_are_refused(plan: Path, value: object) -> None:
    with pytest.raises(dim_trt.InvalidInput, match="closed_form: expected True or False, got "):
        dim_trt.Engine(plan, closed_form=value)  # type: ignore[arg-type]
