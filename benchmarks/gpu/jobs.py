"""What there is to do, most valuable first, and what a budget of time leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

STAGES = ("kernels", "models", "peers", "plans", "tests")
SANITIZER = "sanitizer"


@dataclass(frozen=True)
class Job:
    """A process of its own. seconds: about what it takes on an H100 with sixteen cores."""

    stage: str
    name: str
    seconds: float

    @property
    def model(self) -> str:
        """Whose network it takes; empty where it takes none."""
        return self.name.split()[0] if self.stage in ("models", "peers", "plans") else ""


# Is it right, then how fast, then what nobody else measures; fp32 and the native graphs of other precisions last.
JOBS = (
    Job("kernels", "kernels", 15),
    Job("models", "lite model", 15),
    Job("plans", "lite fp16 plugin", 45),
    Job("plans", "lite int8 plugin", 45),
    Job("models", "full model", 30),
    Job("plans", "full fp16 plugin", 70),
    Job("peers", "full peers", 80),
    Job("tests", "tests", 90),
    Job("plans", "full fp16 native", 70),
    Job("plans", "full int8 plugin", 80),
    Job("tests", SANITIZER, 40),
    Job("peers", "lite peers", 60),
    Job("plans", "lite fp16 native", 45),
    Job("plans", "full fp32 plugin", 60),
    Job("plans", "lite fp32 plugin", 40),
    Job("plans", "full int8 native", 80),
    Job("plans", "full fp32 native", 60),
    Job("plans", "lite int8 native", 45),
    Job("plans", "lite fp32 native", 40),
)


def chosen(stages: Collection[str], only: Collection[str] = ()) -> list[Job]:
    """The jobs of these stages in order; `only`: those of these names, whatever their stage."""
    return [job for job in JOBS if (job.name in only if only else job.stage in stages)]


def fitting(jobs: Sequence[Job], seconds: float) -> tuple[list[Job], list[Job]]:
    """(what the time is enough for, what it leaves out): in order; a short one may fit where a long one does not."""
    taken, left_out = [], []
    for job in jobs:
        if job.seconds <= seconds:
            taken.append(job)
            seconds -= job.seconds
        else:
            left_out.append(job)
    return taken, left_out


def listing(jobs: Sequence[Job], seconds: float, lack: Callable[[Job], str]) -> str:
    """The plan in words; `lack` says what a job misses on this machine, where it would be skipped."""
    taken, left_out = fitting(jobs, seconds)
    lines, begin = [f"{'at':>6} {'takes':>6}  stage    job"], 0.0
    missing: dict[str, list[str]] = {}
    for job in taken:
        if reason := lack(job):
            missing.setdefault(reason, []).append(job.name)
        lines.append(f"{begin:4.0f} s {job.seconds:4.0f} s  {job.stage:8} {job.name}")
        begin += job.seconds
    lines.append(f"{begin:4.0f} s of {seconds:.0f} s")
    if left_out:
        lines += ["left out:", *(f"       {job.seconds:4.0f} s  {job.stage:8} {job.name}" for job in left_out)]
    lines += [f"skipped on this machine: {', '.join(names)}: {reason}" for reason, names in missing.items()]
    return "\n".join(lines)
