"""Pictures that workers die of, for want of memory say: found, and given up, so that the rest goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

MOST_DEATHS = 3  # one of a batch, two of the picture alone: a machine may go away by chance


class Attempts:
    """An actor of one run: how often each picture was under way when its worker died."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, names: Sequence[str], most: int = 0) -> list[int]:
        """How many workers each has outlived. Where none has more than `most`, all are under way from now on."""
        deaths = [self._begun[name] for name in names]
        if max(deaths, default=0) <= most:
            self._begun.update(names)
        return deaths

    def end(self, names: Sequence[str]) -> None:
        for name in names:
            self._begun.pop(name, None)
