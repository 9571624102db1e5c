"""Distribution of the magnitudes in a tensor, collected in pieces, and the range that int8 should cover of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.graph.quantize import INT8_MAX

BINS = 4096
PERCENTILE = 0.9999
CANDIDATES = 128  # ranges that are tried, evenly from 1/128 of the largest magnitude to all of it


class Histogram:
    """Counts of |x| in BINS equal bins from 0 to `limit`, a power of two that grows with what comes."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.limit = 2.0**-20
        self.peak = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        magnitudes = np.abs(values).ravel()
        peak = float(magnitudes.max(initial=0))
        self.peak = max(self.peak, peak)
        while self.limit <= peak:
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.concatenate([pairs, np.zeros(BINS // 2, np.int64)])
            self.limit *= 2
        bins = (magnitudes * np.float32(BINS / self.limit)).astype(np.int32)
        self.counts += np.bincount(bins, minlength=BINS)

    def percentile_range(self) -> float:
        """The magnitude that all but a ten-thousandth of the values that are not zero stay below."""
        counts = self.counts[1:]
        if not counts.any():
            return self.peak
        bin_ = 1 + int(np.searchsorted(np.cumsum(counts), PERCENTILE * counts.sum()))
        return min(self.peak, (bin_ + 1) * self.limit / BINS)

    def entropy_range(self) -> float:
        """The magnitude that becomes 127 so that the distribution loses least: Kullback and Leibler's divergence.

        Of all values up to the magnitude, those beyond it counted at its end, from the same in INT8_MAX + 1 levels.
        """
        counts = self.counts.astype(np.float64)
        counts[0] = 0  # zeros, which any range has exactly, and what is nearly so
        used = int(np.ceil(self.peak / self.limit * BINS))
        levels = INT8_MAX + 1
        if used <= levels or not counts.any():
            return self.peak
        ends = np.unique(np.linspace(levels, used, CANDIDATES).astype(int))
        best = int(ends[int(np.argmin([_divergence(counts, end, levels) for end in ends]))])
        return min(self.peak, best * self.limit / BINS)

    def best_range(self) -> float:
        """The magnitude that becomes 127 so that the mean squared error of rounding and clipping is least.

        Zeros, which are three quarters of an unpooled tensor, are exact in any range and have no say.
        """
        centres = (np.arange(BINS) + 0.5) * (self.limit / BINS)
        ranges = self.peak * np.arange(1, CANDIDATES + 1) / CANDIDATES
        errors = [self._error(centres, candidate) for candidate in ranges]
        return float(ranges[int(np.argmin(errors))])

    def _error(self, centres: NDArray[Any], candidate: float) -> float:
        if candidate == 0:
            return 0.0
        step = candidate / INT8_MAX
        rounded = np.minimum(np.rint(centres / step), INT8_MAX) * step
        return float((self.counts * (centres - rounded) ** 2).sum())


def _divergence(counts: NDArray[Any], end: int, levels: int) -> float:
    """Of the first `end` bins, with all beyond in the last one, from those bins as `levels` even steps give them."""
    inside = counts[:end]
    level = np.arange(end) * levels // end
    filled = inside > 0
    sums, bins = (np.bincount(level, weights, levels) for weights in (inside, filled))
    stepped = np.where(filled, sums[level] / np.maximum(bins[level], 1), 0.0)
    exact = inside.copy()
    exact[-1] += counts[end:].sum()
    if not stepped.any():
        return np.inf
    p, q = exact / exact.sum(), np.maximum(stepped / stepped.sum(), 1e-12)
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


RANGES: dict[str, Callable[[Histogram], float]] = {
    "squared error": Histogram.best_range,
    "entropy": Histogram.entropy_range,
    "percentile": Histogram.percentile_range,
    "largest": lambda histogram: histogram.peak,
}
