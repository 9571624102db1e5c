"""SAD, MSE and MAD against sums written out, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dim_trt.errors import InvalidInput
from dim_trt.metrics import mad, mse, sad

ALPHA = np.array([[0.0, 0.5, 1.0], [0.25, 1.0, 0.0]], np.float32)
TRUTH = np.array([[0.0, 1.0, 0.5], [0.0, 0.0, 1.0]], np.float32)
TRIMAP = np.array([[0, 128, 1], [254, 255, 0]], np.uint8)  # three unknown pixels, of any value


def test_unknown_region_by_hand() -> None:
    assert sad(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.5 + 0.5 + 0.25) / 1000)
    assert mse(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.25 + 0.25 + 0.0625) / 3)
    assert mad(ALPHA, TRUTH, TRIMAP) == pytest.approx((0.5 + 0.5 + 0.25) / 3)


def test_whole_region_by_hand() -> None:
    assert sad(ALPHA, TRUTH, region="whole") == pytest.approx((0.5 + 0.5 + 0.25 + 1 + 1) / 1000)
    assert mse(ALPHA, TRUTH, region="whole") == pytest.approx((0.25 + 0.25 + 0.0625 + 1 + 1) / 6)
    assert mad(ALPHA, TRUTH, region="whole") == pytest.approx((0.5 + 0.5 + 0.25 + 1 + 1) / 6)


@pytest.mark.parametrize("metric", [sad, mse, mad])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": "edges"}, "region: expected one of unknown, whole, got 'edges'"),
        ({"trimap": None}, "trimap: expected uint8 .2, 3. for the unknown region, got NoneType"),
        ({"trimap": TRIMAP.astype(float)}, "trimap: expected uint8 .2, 3. .*, got float64 .2, 3."),
        ({"trimap": TRIMAP.T}, "trimap: expected uint8 .2, 3. .*, got uint8 .3, 2."),
        ({"trimap": np.zeros_like(TRIMAP)}, "the unknown region has no pixel, there is nothing to compare"),
        ({"truth": TRUTH.T}, "truth: expected the size of alpha, .2, 3., got .3, 2."),
        ({"truth": (TRUTH * 255).astype(np.uint8)}, "truth: expected a .height, width. floating point array"),
        ({"truth": TRUTH * 255}, "truth: expected values in 0..1"),
        ({"alpha": ALPHA * np.nan}, "alpha: expected values in 0..1"),
        ({"alpha": ALPHA[None]}, "alpha: expected a .height, width. floating point array"),
        ({"alpha": [[0.5]]}, "alpha: expected a .height, width. floating point array in 0..1, got list"),
    ],
)
def test_nonsense_is_refused(metric: Callable[..., float], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        metric(**({"alpha": ALPHA, "truth": TRUTH, "trimap": TRIMAP, "region": "unknown"} | change))


def test_an_empty_picture_is_nothing_to_compare() -> None:
    empty = np.zeros((0, 3), np.float32)
    with pytest.raises(InvalidInput, match="nothing to compare"):
        sad(empty, empty, region="whole")
