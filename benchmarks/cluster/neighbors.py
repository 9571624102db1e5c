"""Whether a machine had other work while something was measured on it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST = 0.08  # of the cores; the system has some, too
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def alone_here(what: str) -> Iterator[None]:
    """Says so where more than MOST of the cores went to what this process did not start, or to other machines."""
    own, ended = dict[int, float](), threading.Event()

    def follow() -> None:  # as what ends takes its time with it
        while not ended.wait(0.5):
            own.update(_own_seconds())

    before = _own_seconds()
    start, busy = time.monotonic(), _busy_seconds()
    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    own.update(_own_seconds())
    seconds = _busy_seconds() - busy - sum(used - before.get(pid, 0.0) for pid, used in own.items())
    share = seconds / (time.monotonic() - start) / (os.cpu_count() or 1)
    if share > MOST:
        print(f"{what}: other processes had {share:.0%} of the cores; measure again", file=sys.stderr)


def stat_of(pid: int) -> list[str]:
    """Of a process, from its state on: that, its parent, …; OSError where it is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _busy_seconds() -> float:
    """Of all cores, since the machine started."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / TICKS


def _own_seconds() -> dict[int, float]:
    """Of this process, and of each that it or another of them started."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        with suppress(OSError):  # it is gone
            fields = stat_of(pid)
            parents[pid], seconds[pid] = int(fields[1]), sum(map(int, fields[11:13])) / TICKS
    return {pid: used for pid, used in seconds.items() if _is_own(pid, parents)}


def _is_own(pid: int, parents: dict[int, int]) -> bool:
    while pid and pid != os.getpid():
        pid = parents.get(pid, 0)
    return pid != 0
