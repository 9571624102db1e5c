"""Trains a network on drawn scenes or on folders of pictures: `python -m training.train --config lite --minutes 70`.

Read `main` first: it is the whole run. The learning rate falls to zero over the given minutes or steps. With --steps
a run on CPUs that was stopped and resumed ends with the same weights to the bit (same machine, same --threads); with
--minutes the learning rate follows the clock, so no two runs are the same.

<out>/last.pt is what --resume goes on from, <out>/checkpoint.pt the best network by --validate, or the newest. Ctrl-C,
SIGTERM and whatever else ends a run save last.pt first.

Several processes share each batch: `torchrun --nproc_per_node 2 -m training.train …` (machines: all see --out).
Their gradients and running statistics are averaged; batch norm takes the statistics of each process's own share.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch

from training.checkpoints import CheckpointError
from training.data.bank import SceneBank
from training.data.folders import FolderSource
from training.data.hard import HardExamples
from training.data.loader import batches
from training.data.masks import MaskFolderSource
from training.data.samples import Batch, DataError, Source
from training.devices import DeviceError, choose_device, choose_half, choose_threads, choose_workers
from training.initial import initial_weights
from training.keeping import LAST, Keeper, claim, ending, failures_said, tidy
from training.logs import Log
from training.options import parse
from training.parallel import Processes, join, leave
from training.progress import Progress, say
from training.run import Run
from training.settings import Plan
from training.stopping import stops_when_asked
from training.tasks import TASKS

STEP_LIMIT_S = 10.0  # a step that took longer was suspended; it counts as this long
LOG_STEPS = 50


@dataclass
class Budget:
    """How long a run may be; `progress` goes from 0 to 1."""

    total: float
    unit: str  # "step" or "s"
    stop_at: float = math.inf  # step

    def __str__(self) -> str:
        return f"{self.total:g} steps" if self.unit == "step" else f"{self.total / 60:g} minutes"

    def spent(self, run: Run) -> float:
        return run.step if self.unit == "step" else run.seconds

    def progress(self, run: Run) -> float:
        return self.spent(run) / self.total

    def over(self, run: Run) -> bool:
        return self.progress(run) >= 1 or run.step >= self.stop_at


def fit(run: Run, data: Iterable[Batch], budget: Budget, half: bool, every_s: float, keeper: Keeper) -> None:
    """Takes steps until the budget is spent or a signal comes, and saves every so many seconds."""
    averages: dict[str, float] = {}
    first, stop, log = run.processes.rank == 0, keeper.stop, keeper.log
    saved, before = run.seconds, time.monotonic()
    with contextlib.closing(Progress(budget.total, budget.unit, quiet=not first)) as progress:
        for batch in data:
            if budget.over(run):
                return
            parts = run.train_step(batch, budget.progress(run), half)
            took_s = time.monotonic() - before
            before += took_s
            seconds = run.seconds + min(took_s, STEP_LIMIT_S)
            run.seconds, stop.number = run.processes.agree(seconds, stop.number, run.device)
            parts["crops_per_s"] = run.processes.count * len(batch.alpha) / took_s
            averages = {name: 0.98 * averages.get(name, value) + 0.02 * value for name, value in parts.items()}
            progress.show(budget.spent(run), run.when(), averages)
            if run.step % LOG_STEPS == 0:
                log.scalars("training", averages | {"learning_rate": run.optimizer.param_groups[0]["lr"]}, run.step)
            if stop.number:
                return
            if run.seconds - saved > every_s:
                if first:
                    with failures_said():
                        keeper.save()
                saved, before = run.seconds, time.monotonic()


def start(options: argparse.Namespace, device: torch.device, source: Source | SceneBank, processes: Processes,
          plan: Plan) -> tuple[Run, Plan | None]:  # fmt: skip
    """A new run, or the one that is in the folder, and the plan that it had."""
    hard = HardExamples(source.names, source.weights) if options.hard else None
    run, before = Run(options.settings, device, options.seed or 0, options.stage, hard, processes, plan), None
    if options.init:
        run.start_from(initial_weights(options.init, run.model.config, options.settings.crop_size))
    if options.encoder:
        run.start_from_vgg16(options.encoder)
    if options.resume:
        before = run.resume(options.out / LAST)
        if options.seed not in (None, run.seed):
            raise CheckpointError(f"{options.out / LAST}: was trained with --seed {run.seed}; leave it out to resume")
        if before.budget not in ("", plan.budget):
            say(f"the run was to take {before.budget}, now {plan.budget}: the learning rate follows the new length")
        if before.data not in (plan.data, Plan.data):
            say(f"the run's pictures were those of {before.data}, now those of {plan.data}")
    return run, before


def describe(options: argparse.Namespace, run: Run) -> dict[str, object]:
    """Everything that was chosen, for the log."""
    chosen = {name: getattr(options, name) for name in ("config", "init", "encoder", "stage", "hard", "half", "threads",
                                                        "workers", "resume_command")}  # fmt: skip
    return {**asdict(run.settings), **asdict(run.plan), **run.model.config.to_dict(), "seed": run.seed, **chosen,
            "device": run.device, "torch": torch.__version__}  # fmt: skip


def train(options: argparse.Namespace, device: torch.device, processes: Processes) -> None:
    """The whole run, of this process; the first one validates, writes and shows the progress."""
    out, first = options.out, processes.rank == 0
    task = TASKS[options.settings.task]
    source = task.source(options.data, options.backgrounds, options.settings, options.out)
    validation = task.validation(options.validate)  # a wrong folder: at once
    if first and isinstance(source, (FolderSource, MaskFolderSource)):
        source.check()
    budget = Budget(options.steps, "step") if options.steps else Budget(60 * options.minutes, "s")
    budget.stop_at = options.stop_at or math.inf
    plan = Plan(str(options.data.resolve()) if options.data else Plan.data, str(budget), str(validation))
    run, before = start(options, device, source, processes, plan)
    log = Log(out if first else None, run.step + 1 if run.step else 0)
    log.settings(describe(options, run), run.step)
    likely = run.hard.probabilities if run.hard else None
    data = batches(source, run.settings.batch, run.seed, run.step, options.workers, likely, processes, device)
    with stops_when_asked() as stop, contextlib.closing(log), contextlib.closing(data):
        keeper = Keeper(run, out, validation, options.half, log, stop)
        with ending(keeper, options.resume_command):
            if first:
                tidy(out)
                keeper.begin(bool(options.init), before)
            fit(run, data, budget, options.half, 60 * options.every, keeper)
            if first and not stop.number:
                keeper.save()


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments, __doc__)
    device = choose_device(options.device)  # with several processes each has one of its own
    options.workers = choose_workers(options.workers, device)
    options.threads = choose_threads(options.threads, device, options.workers)
    options.half = choose_half(options.half, device)
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True  # all crops have one size
    claim(options.out, options.resume)  # before the processes meet: so none has written yet
    processes = join(device)
    try:
        train(options, device, processes)
    finally:
        leave(processes)


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, DataError, DeviceError) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit("interrupted before training began") from None
