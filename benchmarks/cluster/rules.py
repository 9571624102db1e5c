"""Trimaps that take their time, wait for others, or kill; and a diary of which worker was at which picture when."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dim_trt.trimaps.rules import GivenTrimap


class Entry(NamedTuple):
    """seconds: since 1970; name: of the picture that the worker took then."""

    seconds: float
    worker: int
    name: str


@dataclass(frozen=True)
class Slow(GivenTrimap):
    """So that there is a half-way. It travels by value: workers need not import this module."""

    diary: str = ""
    pause_s: float = 0.1

    def examine(self, picture: object, file: str | None = None) -> Any:
        line = f"{time.time()} {os.getpid()} {Path(file or '').name}\n".encode()
        diary = os.open(self.diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(diary, line)
        os.close(diary)
        time.sleep(self.pause_s)
        return super().examine(picture, file)


@dataclass(frozen=True)
class Together(Slow):
    """No picture is done before so many workers have one; all fail that are not `patience_s` after the first came."""

    workers: int = 1
    patience_s: float = 170.0

    def examine(self, picture: object, file: str | None = None) -> Any:
        found = super().examine(picture, file)
        diary = Path(self.diary)
        while len({entry.worker for entry in read_diary(diary)}) < self.workers:
            if time.time() > read_diary(diary)[0].seconds + self.patience_s:
                raise TimeoutError(f"there are not {self.workers} workers with pictures")
            time.sleep(0.05)
        return found


@dataclass(frozen=True)
class Deadly(Slow):
    """As a picture that takes more memory than there is."""

    victim: str = ""

    def examine(self, picture: object, file: str | None = None) -> Any:
        found = super().examine(picture, file)
        if Path(file or "").name == self.victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return found


def read_diary(path: Path) -> list[Entry]:
    """In the order of time."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return sorted(Entry(float(seconds), int(worker), name) for seconds, worker, name in lines)
