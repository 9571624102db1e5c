"""What a run shows: a bar on a terminal, elsewhere a line a minute."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

PERIOD_S = 60.0


def say(text: str) -> None:
    """A line on stdout, above the bar, and at once: what reads a file or a pipe sees it while the run goes on."""
    tqdm.write(text)
    sys.stdout.flush()


class Progress:
    """`total` in `unit`s, "step" or "s"; `quiet`: of a process that leaves talking to another."""

    def __init__(self, total: float, unit: str, quiet: bool = False):
        self.quiet = quiet
        self.bar = tqdm(total=math.ceil(total), unit=unit, disable=True if quiet else None)  # None: without a terminal
        self.said = time.monotonic()

    def close(self) -> None:
        self.bar.close()

    def show(self, spent: float, when: str, figures: Mapping[str, float]) -> None:
        """After each step. `when`: how far the run is, in words."""
        if self.quiet or (self.bar.disable and time.monotonic() - self.said < PERIOD_S):
            return
        text = " ".join(f"{name} {value:.3g}" for name, value in figures.items())
        if self.bar.disable:
            self.said = time.monotonic()
            say(f"{when}: {text}")
        else:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(min(round(spent), self.bar.total) - self.bar.n)
