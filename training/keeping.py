"""What a run leaves in its folder: last.pt, which --resume goes on from, and checkpoint.pt, the best network so far."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from training.checkpoints import CheckpointError, load_network
from training.data.samples import DataError
from training.logs import Log
from training.networks import Network
from training.parallel import ProcessLostError
from training.progress import say
from training.run import Run
from training.settings import Plan
from training.stopping import Stop
from training.tasks import AnyScore, AnyValidation
from training.validation import mean_score

LAST, BEST = "last.pt", "checkpoint.pt"
UNFINISHED = ".dim_trt-*.tmp"  # what a process that was killed was writing


def claim(out: Path, resume: bool) -> None:
    """Raises CheckpointError where a new run would write over the files of another."""
    if resume:
        return
    for name in (LAST, BEST):
        if (out / name).exists():
            raise CheckpointError(
                f"{out / name}: is another run's; go on with that run with --resume, or give this one a folder of its "
                "own with --out"
            )


def tidy(out: Path) -> None:
    """Removes what an earlier run of this folder was writing when it was killed."""
    for path in out.glob(UNFINISHED):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def failures_said() -> Iterator[None]:
    """A full disk costs a checkpoint, not the run: at the next one there may be room."""
    try:
        yield
    except CheckpointError as error:
        say(f"{error}; training goes on")


@dataclass
class Keeper:
    """Validates and saves; of several processes the first alone does. Raises CheckpointError, DataError."""

    run: Run
    out: Path
    validation: AnyValidation
    half: bool
    log: Log
    stop: Stop

    def begin(self, weights_given: bool, before: Plan | None) -> None:
        """Settles what later networks must be better than: the weights that a run begins with, or where it goes on
        (`before` is its plan until then) with other pictures to validate on, its best network on those."""
        if weights_given:
            self.save()
        elif before is not None and before.validation != self.run.plan.validation and (self.out / BEST).exists():
            if self.validation.sets:
                say(f"validation was on other pictures before; {BEST} on these:")
                scores = self.scores(load_network(self.out / BEST).to(self.run.device))
                self.run.best = self.report(scores) if scores else math.inf
            elif math.isfinite(self.run.best):
                say(f"without --validate {BEST} stays the best so far; the newest network is in {LAST}")

    def save(self) -> None:
        """What resuming needs, and the newest network if it is the best. When asked to stop, nothing is validated."""
        run = self.run
        scores = self.scores(run.average)
        error = self.report(scores) if scores else math.inf
        self.log.pictures(run)
        newest_is_best = not self.validation.sets and math.isinf(run.best)
        if newest_is_best or (scores and error <= run.best):
            before, run.best = run.best, error
            try:
                run.save(self.out / BEST, resumable=False)
            except CheckpointError:
                run.best = before
                raise
        run.save(self.out / LAST)

    def scores(self, model: Network) -> dict[str, AnyScore] | None:
        """By set of pictures; None without any, or when the run is asked to stop."""
        if not self.validation.sets:
            return None
        half = self.half and self.run.device.type == "cuda"  # on a CPU as it will be used
        method = self.run.task.method(model, half)
        scores: dict[str, AnyScore] | None = self.validation.scores(method, lambda: self.stop.number > 0)
        return scores

    def report(self, scores: dict[str, AnyScore]) -> float:
        """Says and logs them; the mean error, by which networks are chosen."""
        mean = mean_score(scores)
        text = ", ".join(f"{name} {one.words()}" for name, one in scores.items())
        say(f"{self.run.when()}: {text}" + (f"; mean {mean.chosen_by()}" if len(scores) > 1 else ""))
        for name, one in {**scores, "": mean}.items():
            self.log.scalars(f"validation/{name}".rstrip("/"), one._asdict(), self.run.step)
        return mean.error


@contextlib.contextmanager
def ending(keeper: Keeper, resume_command: str) -> Iterator[None]:
    """Around the whole of the training: whatever ends it, what was learnt is saved, and one sentence says how to go on.

    Raises SystemExit, with the exit code that shells know a signal by; what nobody foresaw is raised as it is.
    """
    began = keeper.run.step
    try:
        yield
    except (FloatingPointError, CheckpointError) as error:  # last.pt is better than what there is, or cannot be written
        last = keeper.out / LAST
        kept = f"{last} is the last good state" if last.exists() else "nothing was saved yet"
        raise SystemExit(f"{error}; {kept}") from error
    except Exception as error:
        kept = rescue(keeper, began, resume_command)
        if (reason := reason_of(error)) is None:
            say(kept)
            raise
        raise SystemExit(f"{reason}; {kept}") from error
    if keeper.stop.number:
        kept = rescue(keeper, began, resume_command)
        if keeper.run.processes.rank == 0:
            print(f"stopped; {kept}", file=sys.stderr)
        raise SystemExit(keeper.stop.exit_code)


def rescue(keeper: Keeper, began: int, resume_command: str) -> str:
    """Saves last.pt if something was learnt and the weights are whole; what came of it, in words."""
    run, last = keeper.run, keeper.out / LAST
    if run.processes.rank == 0 and run.step > began and run.whole:
        try:
            run.save(last)
        except CheckpointError as error:
            return str(error)
    if not last.exists():
        return "nothing was saved yet"
    return f"{last} is saved; go on with\n  {resume_command}"


def reason_of(error: Exception) -> str | None:
    """What to say of a failure that users can do something about; None: a fault of the program."""
    if isinstance(error, (DataError, ProcessLostError)):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU has not enough memory: choose a smaller --batch or --crop"
    if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):
        return f"a process that makes samples ended, perhaps for want of memory: fewer --workers ({error})"
    return None
