"""Scores of a run that can be interrupted: when they are written, with what, and how many of them a later run kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from dim_trt.scoring.evaluation import Known
from dim_trt.scoring.scores import Scores

SAVE_EVERY_S = 5.0  # what a run that is killed loses of its scores


def with_known(table: Sequence[Scores], known: Known) -> list[Scores]:
    """With what is known, unchecked, of the pictures that have not been reached."""
    done = {(scores.label, entry.name) for scores in table for entry in scores.pictures}
    rest = [(label, entry) for (label, name), entry in known.items() if (label, name) not in done]
    return [
        replace(scores, pictures=scores.pictures + [entry for label, entry in rest if label == scores.label])
        for scores in table
    ]


def every(write: Callable[[], None], seconds: float = SAVE_EVERY_S) -> Callable[[], None]:
    """Calls `write` if the last call is `seconds` ago."""
    last = time.monotonic()

    def call() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            write()
            last = time.monotonic()

    return call


def report_kept(table: Sequence[Scores], known: Known, count: int) -> None:
    """One line beside the table: how many pictures were not scored again."""
    if known:
        kept = sum(all(known.get((s.label, s.pictures[i].name)) == s.pictures[i] for s in table) for i in range(count))
        print(f"resumed: kept the scores of {kept} of {count} pictures", file=sys.stderr)
