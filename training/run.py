"""One training run: the network, its average, the optimiser, and a step. `training.train` is the loop around it."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, compress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from training.data.hard import HardExamples
from training.data.samples import Batch
from training.networks import kind_of
from training.parallel import Processes
from training.settings import Plan, Settings, data_difference, difference
from training.tasks import TASKS


def learning_rate(settings: Settings, step: int, progress: float) -> float:
    """Linear warm-up, then half a cosine down to zero at progress 1."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    return settings.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Moves the averaged weights and batch-norm statistics towards the model's; faster in the beginning."""
    decay = min(decay, (1 + step) / (10 + step))
    targets, sources = (list(chain(module.parameters(), module.buffers())) for module in (average, model))
    moving = [target.is_floating_point() for target in targets]
    torch._foreach_lerp_(list(compress(targets, moving)), list(compress(sources, moving)), 1 - decay)
    for target, source, moves in zip(targets, sources, moving, strict=True):
        if not moves:
            target.copy_(source)


@contextlib.contextmanager
def statistics_of_whole_steps(model: nn.Module) -> Iterator[None]:
    """Running statistics, which forward changes, are as they were before where the block fails."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    except BaseException:
        for buffer, value in before:
            buffer.copy_(value)
        raise


class Run:
    """The state of one training run; everything here goes into its checkpoint."""

    def __init__(
        self,
        settings: Settings,
        device: torch.device,
        seed: int,
        stage: str = "all",
        hard: HardExamples | None = None,
        processes: Processes | None = None,
        plan: Plan | None = None,
    ):
        torch.manual_seed(seed)
        self.settings, self.device, self.seed, self.stage = settings, device, seed, stage
        self.hard, self.processes, self.plan = hard, processes or Processes(), plan or Plan()
        self.task = TASKS[settings.task]
        self.model = self.task.make(settings.model).to(device)
        for weight in self.model.parameters():  # faster on CPUs and on tensor cores
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.task.begin(self.model, stage)
        self.average = copy.deepcopy(self.model).eval()
        self.task.train_only(self.model, stage)
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        if not trained:
            raise CheckpointError(f"stage {stage}: the network of config {settings.model} has no refiner")
        self.optimizer = torch.optim.Adam(trained, settings.learning_rate)
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self.whole = True  # not in the middle of what changes the weights
        self.last: Batch | None = None  # for pictures of it

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begins with these weights instead of random ones."""
        self.model.load_state_dict(weights)
        self.task.begin(self.model, self.stage)
        self.average.load_state_dict(self.model.state_dict())

    def start_from_vgg16(self, path: Path) -> None:
        """Begins with an encoder that knows ImageNet."""
        self.task.load_encoder(self.model, path)
        self.average.load_state_dict(self.model.state_dict())

    def train_step(self, batch: Batch, progress: float, half: bool) -> dict[str, float]:
        """One step on this process's share of the batch; raises FloatingPointError before it does harm.

        What fails before the weights change leaves the run as it was.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.step, progress)
        batch = Batch(*(part.to(self.device, non_blocking=True) for part in batch))
        with statistics_of_whole_steps(self.model):
            predicted = self.task.forward(self.model, self.stage, batch, half)
            loss, parts = self.task.loss(predicted, self.stage, batch, self.settings)
            errors = self.task.errors(predicted, batch)
            joint, learnt = self.share(loss, errors, batch)
            if not math.isfinite(joint):
                raise FloatingPointError(self.complaint("loss", joint))
            self.optimizer.zero_grad(set_to_none=True)
            (loss * self.scale).backward()  # type: ignore[no-untyped-call]
            self.processes.average_gradients(self.model)
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
            if not torch.isfinite(norm):
                raise FloatingPointError(self.complaint("gradient", norm.item()))
        self.whole = False
        if self.hard is not None:
            kinds, all_errors = learnt.cpu().numpy()
            self.hard.learn(self.step, kinds.astype(int), all_errors)
        self.optimizer.step()
        update_average(self.average, self.model, self.step, self.settings.ema)
        self.step += 1
        self.whole = True
        self.last = batch
        return {name: part.item() for name, part in parts.items()} | {"l1": errors.mean().item()}

    def when(self) -> str:
        return f"minute {self.seconds / 60:.1f} step {self.step}"

    def complaint(self, what: str, value: float) -> str:
        return f"{what} is {value} at step {self.step}: batch {self.step} of seed {self.seed}"

    def share(self, loss: Tensor, errors: Tensor, batch: Batch) -> tuple[float, Tensor]:
        """The loss on the joint batch, and its kinds and errors [2, batch] for `hard`; sets `scale`, which makes the
        mean over all processes of their gradients the joint batch's: a process counts by its unknown pixels."""
        count, rank = self.processes.count, self.processes.rank
        unknown = batch.unknown.sum().double()
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        sums[0], sums[1] = unknown, unknown * loss.detach()
        places = torch.zeros(2, count, len(errors), dtype=torch.float64, device=self.device)
        places[0, rank], places[1, rank] = batch.kind, errors
        shared = self.processes.sum(torch.cat([sums, places.flatten()]))
        self.scale = float(count * unknown / shared[0].clamp(min=1)) if count > 1 else 1.0
        return float(shared[1] / shared[0].clamp(min=1)), shared[2:].reshape(2, -1)

    def save(self, path: Path, resumable: bool = True) -> None:
        training: dict[str, Any] = {"step": self.step, "seconds": self.seconds, "best": self.best}
        training |= {"settings": asdict(self.settings), "plan": asdict(self.plan)}
        if resumable:
            training |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
            training |= {"seed": self.seed, "stage": self.stage, "hard": self.hard.state() if self.hard else None}
        save_checkpoint(path, self.model.config, self.average.state_dict(), training)

    def resume(self, path: Path) -> Plan:
        """Continues what `save` wrote, with its seed, and returns its plan: the budget and what validates may change.

        Raises CheckpointError where it is of another run.
        """
        content = load_checkpoint(path, kind_of(self.model.config))
        if content["config"] != self.model.config.to_dict():
            raise CheckpointError(
                f"{path}: holds {content['config']}, the settings ask for {self.model.config.to_dict()}"
            )
        training = content["training"] or {}
        if "optimizer" not in training:
            raise CheckpointError(f"{path}: holds weights only; start from them with --init instead of --resume")
        stage = training.get("stage", "all")
        if stage != self.stage:
            raise CheckpointError(f"{path}: was written in stage {stage}; start stage {self.stage} with --init {path}")
        plan = Plan(**training.get("plan", {"data": self.plan.data}))
        for was in (
            difference(training.get("settings", {}), self.settings),
            data_difference(plan.data, self.plan.data),
        ):
            if was:
                raise CheckpointError(f"{path}: was trained with {was}; resume alike, or begin anew with --init {path}")
        self.resume_hard(path, training.get("hard"))
        self.average.load_state_dict(content["model"])
        self.model.load_state_dict(training["model"])
        self.optimizer.load_state_dict(training["optimizer"])
        self.step, self.seconds, self.best = training["step"], training["seconds"], training["best"]
        self.seed = training["seed"]
        return plan

    def resume_hard(self, path: Path, state: dict[str, Any] | None) -> None:
        if (state is None) != (self.hard is None):
            raise CheckpointError(f"{path}: was trained {'without' if state is None else 'with'} --hard; resume alike")
        if self.hard is not None and state is not None:
            try:
                self.hard.load(state)
            except ValueError as error:
                raise CheckpointError(f"{path}: {error}; resume with the same data") from error
