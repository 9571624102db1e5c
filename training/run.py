"""One training run: the network, its average, the optimiser, and a step. `training.train` is the loop around it."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoints import CheckpointError, load_checkpoint, load_model, save_checkpoint
from training.data.hard import HardExamples
from training.data.samples import Batch
from training.encoder import load_vgg16
from training.losses import gradient_loss, laplacian_loss, matting_loss
from training.model import CONFIGS, DeepImageMatting, Stages
from training.parallel import Processes
from training.settings import Settings

STAGES = ("all", "encoder-decoder", "refiner")


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


def train_only(model: DeepImageMatting, stage: str) -> None:
    """Freezes what the stage leaves as it is: weights and batch-norm statistics."""
    for name, block in model.named_children():
        trained = stage == "all" or name.startswith("refine_") == (stage == "refiner")
        block.requires_grad_(trained).train(trained)


def switch_refiner_off(model: DeepImageMatting) -> None:
    """The refined alpha is the coarse one until the refiner's last layer learns something else."""
    if model.config.refine:
        for weight in model.refine_alpha.conv.parameters():
            nn.init.zeros_(weight)


def forward(model: DeepImageMatting, stage: str, batch: Batch, half: bool) -> Stages:
    """Both alphas in float32; without the cost of a refiner that is not trained."""
    with torch.autocast(batch.input.device.type, torch.bfloat16, enabled=half):
        x = batch.input.contiguous(memory_format=torch.channels_last)
        if stage == "encoder-decoder":
            coarse = model.activate(model.raw_alpha(x)).float()
            return Stages(coarse, coarse)
        stages = model.stages(x)
    return Stages(stages.coarse.float(), stages.refined.float())


def loss_of(stages: Stages, stage: str, batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the stage and its weighted parts. "all" puts one on both results."""
    trained = {"all": ("coarse", "refined"), "encoder-decoder": ("coarse",), "refiner": ("refined",)}[stage]
    parts = {}
    for name in trained:
        predicted = getattr(stages, name)
        parts[name] = matting_loss(predicted, batch.alpha, batch.foreground, batch.background, batch.unknown)
        if settings.gradient_loss:
            gradient = gradient_loss(predicted, batch.alpha, batch.unknown)
            parts[f"{name}_gradient"] = settings.gradient_loss * gradient
        if settings.laplacian_loss:
            laplacian = laplacian_loss(predicted, batch.alpha, batch.unknown)
            parts[f"{name}_laplacian"] = settings.laplacian_loss * laplacian
    return torch.stack(list(parts.values())).sum(), parts


@torch.no_grad()
def sample_errors(predicted: Tensor, batch: Batch) -> Tensor:
    """Mean |predicted - alpha| over each sample's unknown pixels: [N] float64."""
    error = ((predicted - batch.alpha).abs() * batch.unknown).double().sum((1, 2, 3))
    return error / batch.unknown.sum((1, 2, 3)).clamp(min=1)


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
    ):
        torch.manual_seed(seed)
        self.settings, self.device, self.seed, self.stage = settings, device, seed, stage
        self.hard, self.processes = hard, processes or Processes()
        self.model = DeepImageMatting(CONFIGS[settings.model]).to(device)
        for weight in self.model.parameters():  # faster on CPUs and on tensor cores
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        if stage == "encoder-decoder":
            switch_refiner_off(self.model)
        self.average = copy.deepcopy(self.model).eval()
        train_only(self.model, stage)
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        if not trained:
            raise CheckpointError(f"stage {stage}: the network of config {settings.model} has no refiner")
        self.optimizer = torch.optim.Adam(trained, settings.learning_rate)
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self.last: tuple[Batch, Stages] | None = None  # for pictures of it

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begins with these weights instead of random ones."""
        self.model.load_state_dict(weights)
        if self.stage == "encoder-decoder":
            switch_refiner_off(self.model)
        self.average.load_state_dict(self.model.state_dict())

    def start_from_checkpoint(self, path: Path) -> None:
        self.start_from(load_model(path, self.model.config).state_dict())

    def start_from_vgg16(self, path: Path) -> None:
        """Begins with an encoder that knows ImageNet."""
        load_vgg16(self.model, path)
        self.average.load_state_dict(self.model.state_dict())

    def train_step(self, batch: Batch, progress: float, half: bool) -> dict[str, float]:
        """One step on this process's share of the batch; raises FloatingPointError before it does harm."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.step, progress)
        batch = Batch(*(part.to(self.device, non_blocking=True) for part in batch))
        stages = forward(self.model, self.stage, batch, half)
        loss, parts = loss_of(stages, self.stage, batch, self.settings)
        errors = sample_errors(stages.refined, batch)
        joint = self.share(loss, errors, batch)
        if not math.isfinite(joint):
            raise FloatingPointError(self.complaint("loss", joint))
        self.optimizer.zero_grad(set_to_none=True)
        (loss * self.scale).backward()  # type: ignore[no-untyped-call]
        self.processes.average_gradients(self.model)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        if not torch.isfinite(norm):
            raise FloatingPointError(self.complaint("gradient", norm.item()))
        self.optimizer.step()
        update_average(self.average, self.model, self.step, self.settings.ema)
        self.step += 1
        self.last = (batch, Stages(stages.coarse.detach(), stages.refined.detach()))
        return {name: part.item() for name, part in parts.items()} | {"l1": errors.mean().item()}

    def complaint(self, what: str, value: float) -> str:
        return f"{what} is {value} at step {self.step}: batch {self.step} of seed {self.seed}"

    def share(self, loss: Tensor, errors: Tensor, batch: Batch) -> float:
        """The loss on the joint batch; lets `hard` learn, and sets `scale`, which makes the mean over all processes
        of their gradients the joint batch's: a process counts by its unknown pixels."""
        count, rank = self.processes.count, self.processes.rank
        unknown = batch.unknown.sum().double()
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        sums[0], sums[1] = unknown, unknown * loss.detach()
        places = torch.zeros(2, count, len(errors), dtype=torch.float64, device=self.device)
        places[0, rank], places[1, rank] = batch.kind, errors
        shared = self.processes.sum(torch.cat([sums, places.flatten()]))
        if self.hard is not None:
            kinds, all_errors = shared[2:].reshape(2, -1).cpu().numpy()
            self.hard.learn(self.step, kinds.astype(int), all_errors)
        self.scale = float(count * unknown / shared[0].clamp(min=1)) if count > 1 else 1.0
        return float(shared[1] / shared[0].clamp(min=1))

    def save(self, path: Path, resumable: bool = True) -> None:
        training: dict[str, Any] = {"step": self.step, "seconds": self.seconds, "best": self.best}
        if resumable:
            training |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
            training |= {"seed": self.seed, "stage": self.stage, "hard": self.hard.state() if self.hard else None}
            training |= {"extra_losses": self.settings.extra_losses()}
        save_checkpoint(path, self.model.config, self.average.state_dict(), training)

    def resume(self, path: Path) -> None:
        """Continues what `save` wrote, with its seed. Raises CheckpointError where it is of another run."""
        content = load_checkpoint(path)
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
        losses = training.get("extra_losses", {})
        for name, weight in self.settings.extra_losses().items():
            if losses.get(name, 0.0) != weight:
                raise CheckpointError(f"{path}: was trained with --{name} {losses.get(name, 0.0):g}; resume alike")
        self.average.load_state_dict(content["model"])
        self.model.load_state_dict(training["model"])
        self.optimizer.load_state_dict(training["optimizer"])
        self.step, self.seconds, self.best = training["step"], training["seconds"], training["best"]
        self.seed = training["seed"]
        self.resume_hard(path, training.get("hard"))

    def resume_hard(self, path: Path, state: dict[str, Any] | None) -> None:
        if (state is None) != (self.hard is None):
            raise CheckpointError(f"{path}: was trained {'without' if state is None else 'with'} --hard; resume alike")
        if self.hard is not None and state is not None:
            try:
                self.hard.load(state)
            except ValueError as error:
                raise CheckpointError(f"{path}: {error}; resume with the same data") from error
