"""Distribution of the magnitudes in a tensor, collected in pieces, and the range that int8 should cover of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.graph.weights import INT8_MAX

BINS = 4096
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
