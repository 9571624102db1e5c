"""The comparator. A comparison of nothing, of different shapes or with NaN is a failure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def max_error(actual: ArrayLike, expected: ArrayLike) -> float:
    """Largest absolute difference, in float64."""
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, f"shapes differ: {a.shape} and {e.shape}"
    assert a.size > 0, "nothing to compare"
    assert np.isfinite(a).all(), "the result is not finite everywhere"
    assert np.isfinite(e).all(), "the reference is not finite everywhere"
    return float(np.abs(a.astype(np.float64) - e.astype(np.float64)).max())


def assert_within(actual: ArrayLike, expected: ArrayLike, tolerance: float, what: str = "result") -> None:
    """Every element within `tolerance` (absolute)."""
    error = max_error(actual, expected)
    assert error <= tolerance, f"{what}: max abs error {error:.3g} is above {tolerance:.3g}"


def rms_error(actual: ArrayLike, expected: ArrayLike) -> float:
    """Root of the mean squared difference, in float64."""
    max_error(actual, expected)  # refuses what cannot be compared
    difference = np.asarray(actual, np.float64) - np.asarray(expected, np.float64)
    return float(np.sqrt(np.mean(np.square(difference))))


def assert_as_accurate(actual: ArrayLike, peer: ArrayLike, reference: ArrayLike, what: str = "result") -> None:
    """Error against the float64 reference at most twice the peer's, or one rounding of the largest value.

    In the root mean square; the largest single error of a few thousand is luck, it may be four times the peer's.
    """
    rounding = float(np.finfo(np.float32).eps) * max(1.0, float(np.abs(np.asarray(reference)).max()))
    error, bound = rms_error(actual, reference), max(2 * rms_error(peer, reference), rounding)
    assert error <= bound, f"{what}: rms error {error:.3g} is above {bound:.3g}"
    assert_within(actual, reference, max(4 * max_error(peer, reference), rounding), what)
