"""Trains a network on drawn scenes: `python -m training.train --config lite --minutes 70`.

Read `main` first: it is the whole run. The learning rate falls to zero over the given minutes or steps.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from training.data import Batch, scene_loader
from training.losses import matting_loss
from training.model import CONFIGS, DeepImageMatting
from training.settings import Settings
from training.validation import mean_score, validate

Log = Callable[[str, float, int], None]
STEP_LIMIT_S = 10.0  # a step that took longer was suspended; it counts as this long


def learning_rate(settings: Settings, step: int, progress: float) -> float:
    """Linear warm-up, then half a cosine down to zero at progress 1."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    return settings.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Moves the averaged weights and batch-norm statistics towards the model's; faster in the beginning."""
    decay = min(decay, (1 + step) / (10 + step))
    for target, source in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if target.dtype.is_floating_point:
            target.lerp_(source, 1 - decay)
        else:
            target.copy_(source)


def loss_of(model: DeepImageMatting, batch: Batch, half: bool) -> tuple[Tensor, dict[str, float]]:
    """The loss on both stages and its parts."""
    device = next(model.parameters()).device
    batch = Batch(*(part.to(device, non_blocking=True) for part in batch))
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        stages = model.stages(batch.input.contiguous(memory_format=torch.channels_last))
    truth = (batch.alpha, batch.foreground, batch.background, batch.unknown)
    coarse = matting_loss(stages.coarse.float(), *truth)
    refined = matting_loss(stages.refined.float(), *truth)
    l1 = ((stages.refined.float() - batch.alpha).abs() * batch.unknown).sum() / batch.unknown.sum().clamp(min=1)
    return coarse + refined, {"coarse": coarse.item(), "refined": refined.item(), "l1": l1.item()}


class Run:
    """The state of one training run; everything here goes into its checkpoint."""

    def __init__(self, settings: Settings, device: torch.device, seed: int):
        torch.manual_seed(seed)
        self.settings, self.seed = settings, seed
        self.model = DeepImageMatting(CONFIGS[settings.model]).to(device)
        for weight in self.model.parameters():  # faster on CPUs and on tensor cores
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval()
        self.optimizer = torch.optim.Adam(self.model.parameters(), settings.learning_rate)
        self.step, self.seconds, self.best = 0, 0.0, math.inf

    def train_step(self, batch: Batch, progress: float, half: bool) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.step, progress)
        loss, parts = loss_of(self.model, batch, half)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"loss is {loss.item()} at step {self.step} (seed {self.seed})")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        update_average(self.average, self.model, self.step, self.settings.ema)
        self.step += 1
        return parts

    def save(self, path: Path, resumable: bool = True) -> None:
        training: dict[str, Any] = {"step": self.step, "seconds": self.seconds, "best": self.best}
        if resumable:
            training |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "seed": self.seed}
        save_checkpoint(path, self.model.config, self.average.state_dict(), training)

    def resume(self, path: Path) -> None:
        content = load_checkpoint(path)
        if content["config"] != self.model.config.to_dict():
            raise CheckpointError(
                f"{path}: holds {content['config']}, the settings ask for {self.model.config.to_dict()}"
            )
        training = content["training"]
        self.average.load_state_dict(content["model"])
        self.model.load_state_dict(training["model"])
        self.optimizer.load_state_dict(training["optimizer"])
        self.step, self.seconds, self.best = training["step"], training["seconds"], training["best"]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="lite", help="a file in training/configs")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="time of the whole run, earlier parts of it included")
    budget.add_argument("--steps", type=int, help="steps of the whole run, earlier parts of it included")
    parser.add_argument("--out", type=Path, help="folder for checkpoints and logs, default runs/<config>")
    parser.add_argument("--resume", action="store_true", help="continue from <out>/last.pt")
    parser.add_argument("--validate", type=Path, help="folder with input/, trimap1/ and gt/")
    parser.add_argument("--every", type=float, default=4, help="minutes between checkpoints")
    parser.add_argument("--threads", type=int, help="threads for the arithmetic")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crop", type=int, help="pixels, instead of the configuration's")
    parser.add_argument("--batch", type=int, help="crops per step, instead of the configuration's")
    parser.add_argument("--half", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 arithmetic")
    return parser.parse_args(arguments)


@dataclass
class Budget:
    """How long a run may be; `progress` goes from 0 to 1."""

    total: float
    unit: str  # "step" or "s"

    def spent(self, run: Run) -> float:
        return run.step if self.unit == "step" else run.seconds

    def progress(self, run: Run) -> float:
        return self.spent(run) / self.total


def checkpoint(run: Run, out: Path, folder: Path | None, log: Log) -> None:
    """Saves what resuming needs as last.pt and the best network so far as checkpoint.pt."""
    sad = -math.inf  # without validation the newest is the best
    if folder is not None:
        sad, mse = mean_score(validate(run.average, folder))
        tqdm.write(f"minute {run.seconds / 60:.1f} step {run.step}: SAD {sad:.2f} MSE {1000 * mse:.1f}e-3")
        log("validation/sad", sad, run.step)
        log("validation/mse", mse, run.step)
    if sad <= run.best:
        run.best = sad if folder is not None else run.best
        run.save(out / "checkpoint.pt", resumable=False)
    run.save(out / "last.pt")


def fit(run: Run, batches: Iterable[Batch], budget: Budget, half: bool, every_s: float, save: Callable[[], None],
        log: Log) -> None:  # fmt: skip
    """Takes steps until the budget is spent and calls `save` every so many seconds."""
    averages: dict[str, float] = {}
    saved, before = run.seconds, time.monotonic()
    with tqdm(total=round(budget.total), unit=budget.unit, disable=None) as bar:
        for batch in batches:
            if budget.progress(run) >= 1:
                break
            parts = run.train_step(batch, budget.progress(run), half)
            took_s = time.monotonic() - before
            before += took_s
            run.seconds += min(took_s, STEP_LIMIT_S)
            parts["crops_per_s"] = len(batch.alpha) / took_s
            averages = {name: 0.98 * averages.get(name, value) + 0.02 * value for name, value in parts.items()}
            if run.step % 50 == 0:
                for name, value in averages.items():
                    log(f"training/{name}", value, run.step)
                bar.n = round(budget.spent(run))
                bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in averages.items()))
            if run.step % 500 == 0:
                tqdm.write(f"minute {run.seconds / 60:.1f} step {run.step}: {bar.postfix}")
            if run.seconds - saved > every_s:
                save()
                saved, before = run.seconds, time.monotonic()


def scalar_log(out: Path) -> Log:
    """A function (name, value, step) that writes for TensorBoard, or nothing where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda name, value, step: None
    return SummaryWriter(str(out)).add_scalar


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    settings: Settings = importlib.import_module(f"training.configs.{options.config}").SETTINGS
    overrides = {"crop_size": options.crop, "batch": options.batch}
    settings = replace(settings, **{name: value for name, value in overrides.items() if value})
    out = options.out or Path("runs") / options.config
    run = Run(settings, torch.device("cuda" if torch.cuda.is_available() else "cpu"), options.seed)
    if options.resume:
        run.resume(out / "last.pt")
    out.mkdir(parents=True, exist_ok=True)
    log = scalar_log(out)
    # a resumed run draws scenes that it has not seen
    batches = scene_loader(settings.crop_size, settings.batch, options.seed + run.step, options.workers)
    budget = Budget(options.steps, "step") if options.steps else Budget(60 * options.minutes, "s")

    def save() -> None:
        checkpoint(run, out, options.validate, log)

    try:
        fit(run, batches, budget, options.half, 60 * options.every, save, log)
    except FloatingPointError as error:
        raise SystemExit(f"{error}; {out / 'last.pt'} is the last good state") from error
    save()


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
