"""Trains a network on drawn scenes or on folders of pictures: `python -m training.train --config lite --minutes 70`.

Read `main` first: it is the whole run. The learning rate falls to zero over the given minutes or steps. With --steps
a run on CPUs that was stopped and resumed ends with the same weights to the bit (same machine, same --threads); with
--minutes the learning rate follows the clock, so no two runs are the same.

Several processes share each batch: `torchrun --nproc_per_node 2 -m training.train …` (machines: all see --out).
Their gradients and running statistics are averaged; batch norm takes the statistics of each process's own share.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from dim_trt.scoring.datasets import TruthFiles
from training.checkpoints import CheckpointError
from training.data.bank import SceneBank
from training.data.folders import FolderSource
from training.data.hard import MAX_WORKERS, HardExamples
from training.data.loader import batches
from training.data.samples import Batch, DataError, SceneSource, Source
from training.data.testsets import alphamatting
from training.devices import DeviceError, add_device_argument, choose_device
from training.logs import Log
from training.parallel import Processes, join, leave
from training.run import STAGES, Run
from training.settings import Settings, config_names, load_settings
from training.validation import mean_score, network, validate

STEP_LIMIT_S = 10.0  # a step that took longer was suspended; it counts as this long


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="lite", choices=config_names(), help="a file in training/configs")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="time of the whole run, earlier parts of it included")
    budget.add_argument("--steps", type=int, help="steps of the whole run, earlier parts of it included")
    parser.add_argument("--stop-at", type=int, metavar="STEP", help="pause there, with the schedule of the whole run")
    parser.add_argument("--out", type=Path, help="folder for checkpoints and logs, default runs/<config>")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="continue from <out>/last.pt, with its seed")
    begin.add_argument("--init", type=Path, metavar="CHECKPOINT", help="start from these weights")
    begin.add_argument("--encoder", type=Path, metavar="FILE", help="start from VGG16: .pth of torchvision or .npz")
    parser.add_argument("--stage", choices=STAGES, default="all", help="what is trained; the rest stays as it is")
    parser.add_argument("--data", type=Path, help="folder of foregrounds (see docs/training.md) instead of scenes")
    parser.add_argument("--backgrounds", type=Path, help="folder of backgrounds, default <data>/bg")
    parser.add_argument("--hard", action="store_true", help="draw more of what the network is worse at")
    parser.add_argument("--validate", type=Path, help="folder with input/, trimap1/ and gt/")
    parser.add_argument("--every", type=float, default=4, help="minutes between checkpoints")
    add_device_argument(parser)
    parser.add_argument("--threads", type=int, help="threads for the arithmetic")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crop", type=int, help="pixels, instead of the configuration's")
    parser.add_argument("--batch", type=int, help="crops per step, instead of the configuration's")
    parser.add_argument(
        "--learning-rate", type=float, metavar="RATE", help="the highest, instead of the configuration's"
    )
    for name in ("gradient", "laplacian"):
        text = f"weight of the {name} loss (training/losses.py), instead of the configuration's"
        parser.add_argument(f"--{name}-loss", type=float, metavar="WEIGHT", help=text)
    parser.add_argument("--bank", type=int, metavar="LAYERS", help="drawn layers that scenes are combined from, kept "
                        "in <out>; 0 draws each scene anew; instead of the configuration's")  # fmt: skip
    parser.add_argument("--half", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 arithmetic")
    options = parser.parse_args(arguments)
    if options.hard and options.workers > MAX_WORKERS:
        parser.error(f"--workers: at most {MAX_WORKERS} with --hard, got {options.workers}")
    for name in ("seed", "workers"):
        if getattr(options, name) < 0:
            parser.error(f"--{name}: expected 0 or more, got {getattr(options, name)}")
    try:
        extra = {name: getattr(options, name) for name in ("learning_rate", "gradient_loss", "laplacian_loss", "bank")}
        options.settings = load_settings(options.config, options.crop, options.batch, **extra)
    except ValueError as error:
        parser.error(f"--{error}")
    return options


@dataclass
class Budget:
    """How long a run may be; `progress` goes from 0 to 1."""

    total: float
    unit: str  # "step" or "s"
    stop_at: float = math.inf  # step

    def spent(self, run: Run) -> float:
        return run.step if self.unit == "step" else run.seconds

    def progress(self, run: Run) -> float:
        return self.spent(run) / self.total

    def over(self, run: Run) -> bool:
        return self.progress(run) >= 1 or run.step >= self.stop_at


def checkpoint(run: Run, out: Path, pictures: list[TruthFiles], half: bool, log: Log) -> None:
    """Saves what resuming needs as last.pt and the best network so far as checkpoint.pt."""
    sad = -math.inf  # without validation the newest is the best
    if pictures:
        method = network(run.average, half and run.device.type == "cuda")  # on a CPU as it will be used
        sad, mse = mean_score(validate(method, pictures))
        tqdm.write(f"minute {run.seconds / 60:.1f} step {run.step}: SAD {sad:.2f} MSE {1000 * mse:.1f}e-3")
        log.scalar("validation/sad", sad, run.step)
        log.scalar("validation/mse", mse, run.step)
    if run.last is not None:
        log.pictures(run.last[0], run.last[1].refined, run.step)
    if sad <= run.best:
        run.best = sad if pictures else run.best
        run.save(out / "checkpoint.pt", resumable=False)
    run.save(out / "last.pt")


def fit(run: Run, data: Iterable[Batch], budget: Budget, half: bool, every_s: float, save: Callable[[], None],
        log: Log) -> None:  # fmt: skip
    """Takes steps until the budget is spent and calls `save` every so many seconds."""
    averages: dict[str, float] = {}
    saved, before = run.seconds, time.monotonic()
    silent = True if run.processes.rank else None  # None: unless a person looks
    with tqdm(total=round(budget.total), unit=budget.unit, disable=silent) as bar:
        for batch in data:
            if budget.over(run):
                break
            parts = run.train_step(batch, budget.progress(run), half)
            took_s = time.monotonic() - before
            before += took_s
            run.seconds = run.processes.first(run.seconds + min(took_s, STEP_LIMIT_S), run.device)
            parts["crops_per_s"] = run.processes.count * len(batch.alpha) / took_s
            averages = {name: 0.98 * averages.get(name, value) + 0.02 * value for name, value in parts.items()}
            if run.step % 50 == 0:
                for name, value in averages.items():
                    log.scalar(f"training/{name}", value, run.step)
                bar.n = round(budget.spent(run))
                bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in averages.items()))
            if run.step % 500 == 0 and run.processes.rank == 0:
                tqdm.write(f"minute {run.seconds / 60:.1f} step {run.step}: {bar.postfix}")
            if run.seconds - saved > every_s:
                save()
                saved, before = run.seconds, time.monotonic()


def open_source(options: argparse.Namespace, settings: Settings, out: Path) -> Source | SceneBank:
    if options.data:
        return FolderSource(options.data, options.backgrounds, settings.crop_size)
    if options.backgrounds:
        raise DataError("--backgrounds: goes with --data; scenes draw their own")
    if settings.bank:
        return SceneBank(settings.crop_size, settings.bank, settings.fresh, out)
    return SceneSource(settings.crop_size)


def start(
    options: argparse.Namespace, device: torch.device, source: Source | SceneBank, out: Path, processes: Processes
) -> Run:
    """A new run, or the one that is in `out`."""
    hard = HardExamples(source.weights) if options.hard else None
    run = Run(options.settings, device, options.seed, options.stage, hard, processes)
    if options.init:
        run.start_from_checkpoint(options.init)
    if options.encoder:
        run.start_from_vgg16(options.encoder)
    if options.resume:
        run.resume(out / "last.pt")
    return run


def train(options: argparse.Namespace, device: torch.device, processes: Processes) -> None:
    """The whole run, of this process; the first one validates, writes and shows the progress."""
    settings: Settings = options.settings
    out = options.out or Path("runs") / options.config
    source = open_source(options, settings, out)
    pictures = alphamatting(options.validate) if options.validate else []  # a wrong folder: at once
    run = start(options, device, source, out, processes)
    log = Log(out if processes.rank == 0 else None)
    likely = run.hard.probabilities if run.hard else None
    data = batches(source, settings.batch, run.seed, run.step, options.workers, likely, processes, device)
    budget = Budget(options.steps, "step") if options.steps else Budget(60 * options.minutes, "s")
    budget.stop_at = options.stop_at or math.inf

    def save() -> None:
        if processes.rank == 0:
            checkpoint(run, out, pictures, options.half, log)

    try:
        fit(run, data, budget, options.half, 60 * options.every, save, log)
        save()
    except FloatingPointError as error:
        kept = f"{out / 'last.pt'} is the last good state" if (out / "last.pt").exists() else "nothing was saved yet"
        raise SystemExit(f"{error}; {kept}") from error
    finally:
        log.close()


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)  # with several processes each has one of its own
    torch.backends.cudnn.benchmark = True  # all crops have one size
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
