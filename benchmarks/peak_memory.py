"""Resident memory of processes. Imports next to nothing, so that programs which do nothing else can use it."""

import re
from pathlib import Path


def peak_memory_mb() -> int:
    """VmHWM, as a child's getrusage counts its parent's memory, too. Linux only."""
    return int(re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[0]) // 1024


def resident_mb(pid: int) -> float:
    """VmRSS of a process, now; 0 where it has ended. Linux only."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s*(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0
