"""What networks are trained for. A run knows its task alone: the network, what it is to be good at, how good it is.

`Task` says what a run asks; `TASKS` has them by the name that settings, checkpoints, ONNX files and plans know them by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dim_trt.graph.metadata import NETWORK, TASK
from training.data.samples import Batch
from training.encoder import load_vgg16
from training.losses import alpha_loss, gradient_loss, laplacian_loss, matting_loss
from training.model import CONFIGS, DeepImageMatting, Stages
from training.settings import Settings
from training.validation import MattingFunction, Validation, network, open_validation

STAGES = ("all", "encoder-decoder", "refiner")


class Task(Protocol):
    """Of one kind of network. `predicted` is whatever `forward` gives."""

    name: str
    network: str

    def make(self, model: str) -> Any:
        """The network of a name in settings, with random weights; it has a `config`."""

    def begin(self, model: Any, stage: str) -> None:
        """Prepares weights that a run of this stage begins with."""

    def train_only(self, model: Any, stage: str) -> None:
        """Freezes what the stage leaves as it is."""

    def load_encoder(self, model: Any, path: Path) -> None:
        """Gives it an encoder that knows ImageNet."""

    def forward(self, model: Any, stage: str, batch: Batch, half: bool) -> Any:
        """What the network says of a batch; half: in bfloat16."""

    def loss(self, predicted: Any, stage: str, batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its weighted parts by name."""

    def errors(self, predicted: Any, batch: Batch) -> Tensor:
        """How far each sample is off: [N] float64."""

    def validation(self, places: Sequence[str]) -> Validation:
        """The pictures that choose the best network. Raises DataError."""

    def method(self, model: Any, half: bool) -> MattingFunction:
        """The network as what validation scores."""


class Matting:
    """Alpha of an image and its trimap, by the Deep Image Matting network."""

    name, network = TASK, NETWORK

    def make(self, model: str) -> DeepImageMatting:
        return DeepImageMatting(CONFIGS[model])

    def train_only(self, model: DeepImageMatting, stage: str) -> None:
        """Freezes what the stage leaves as it is: weights and batch-norm statistics."""
        for name, block in model.named_children():
            trained = stage == "all" or name.startswith("refine_") == (stage == "refiner")
            block.requires_grad_(trained).train(trained)

    def begin(self, model: DeepImageMatting, stage: str) -> None:
        """The refined alpha is the coarse one until the refiner's last layer learns something else."""
        if stage == "encoder-decoder" and model.config.refine:
            for weight in model.refine_alpha.conv.parameters():
                nn.init.zeros_(weight)

    def load_encoder(self, model: DeepImageMatting, path: Path) -> None:
        load_vgg16(model, path)

    def forward(self, model: DeepImageMatting, stage: str, batch: Batch, half: bool) -> Stages:
        """Both alphas in float32; without the cost of a refiner that is not trained."""
        with torch.autocast(batch.input.device.type, torch.bfloat16, enabled=half):
            x = batch.input.contiguous(memory_format=torch.channels_last)
            if stage == "encoder-decoder":
                coarse = model.activate(model.raw_alpha(x)).float()
                return Stages(coarse, coarse)
            stages = model.stages(x)
        return Stages(stages.coarse.float(), stages.refined.float())

    def loss(self, predicted: Stages, stage: str, batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
        """ "all" puts a loss on both results; as in the paper, the refiner's own stage has the alpha loss alone."""
        trained = {"all": ("coarse", "refined"), "encoder-decoder": ("coarse",), "refiner": ("refined",)}[stage]
        parts = {}
        for name in trained:
            result = getattr(predicted, name)
            if stage == "refiner":
                parts[name] = alpha_loss(result, batch.alpha, batch.unknown)
            else:
                parts[name] = matting_loss(result, batch.alpha, batch.foreground, batch.background, batch.unknown)
            if settings.gradient_loss:
                gradient = gradient_loss(result, batch.alpha, batch.unknown)
                parts[f"{name}_gradient"] = settings.gradient_loss * gradient
            if settings.laplacian_loss:
                laplacian = laplacian_loss(result, batch.alpha, batch.unknown)
                parts[f"{name}_laplacian"] = settings.laplacian_loss * laplacian
        return torch.stack(list(parts.values())).sum(), parts

    @torch.no_grad()
    def errors(self, predicted: Stages, batch: Batch) -> Tensor:
        """Mean |refined - alpha| over each sample's unknown pixels: [N] float64."""
        error = ((predicted.refined - batch.alpha).abs() * batch.unknown).double().sum((1, 2, 3))
        return error / batch.unknown.sum((1, 2, 3)).clamp(min=1)

    def validation(self, places: Sequence[str]) -> Validation:
        return open_validation(places)

    def method(self, model: DeepImageMatting, half: bool) -> MattingFunction:
        return network(model, half)


TASKS: dict[str, Task] = {TASK: Matting()}
