"""How much of the machine a run gets: its memory; threads are `_core`'s (cores, cgroup quota, OMP_NUM_THREADS)."""

from __future__ import annotations

import os
from pathlib import Path

MOST_MB = 448  # runs `lite` on 1080p in one piece and 24 megapixels within 1 GB; larger pictures are quicker in tiles
SHARE = 4  # a run takes one part of so many
CGROUPS = Path("/sys/fs/cgroup")
OF_PROCESS = Path("/proc/self/cgroup")


def working_memory_mb(runs: int) -> int:
    """Working memory in MiB that each of several runs at a time gets by default, at least 1."""
    return max(1, min(MOST_MB, usable_memory_bytes() // SHARE // runs >> 20))


def usable_memory_bytes() -> int:
    """Memory of the machine, or the least limit of the process's cgroup and those above it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_cgroup_limits()])


def _cgroup_limits() -> list[int]:
    limits = []
    for folder in _cgroups():
        for name in ("memory.max", "memory.limit_in_bytes"):  # version 2, version 1
            try:
                text = (folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdecimal() and int(text):  # "max" is none; version 1 has a number beyond all machines for it
                limits.append(int(text))
    return limits


def _cgroups() -> list[Path]:
    """Folders of the process's memory cgroups, and of the roots: in a container its own group is most often the root
    that it sees."""
    found = [CGROUPS, CGROUPS / "memory"]
    try:
        lines = OF_PROCESS.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        group = Path((CGROUPS / controllers if controllers else CGROUPS), path.lstrip("/"))
        found += [folder for folder in (group, *group.parents) if folder.is_relative_to(CGROUPS)]
    return found
