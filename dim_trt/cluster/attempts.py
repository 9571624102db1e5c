"""Pictures that workers die of, for want of memory say: found, and given up, so that the rest goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

MOST_DEATHS = 3  # one of a batch, two of the picture alone: a machine may go away by chance


class Attempts:
    """An actor of one run: how often each picture was under way when its worker died."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def deaths(self, names: Sequence[str]) -> list[int]:
        return [self._begun[name] for name in names]

    def begin(self, names: Sequence[str]) -> None:
        self._begun.update(names)

    def end(self, names: Sequence[str]) -> None:
        for name in names:
            self._begun.pop(name, None)
