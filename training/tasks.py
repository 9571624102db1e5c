"""What networks are trained for. A run knows its task alone: the network, what it is to be good at, how good it is.

`Task` says what a run asks; `TASKS` has them by the name that settings, checkpoints, ONNX files and plans know them by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from training.checkpoints import CheckpointError
from training.data.bank import SceneBank
from training.data.folders import FolderSource
from training.data.masks import MaskFolderSource, MaskSceneSource
from training.data.samples import Batch, DataError, SceneSource, Source
from training.encoder import load_vgg16
from training.losses import alpha_loss, gradient_loss, laplacian_loss, mask_loss, matting_loss
from training.mask_validation import MaskFunction, MaskValidation, find_objects, open_mask_validation
from training.model import CONFIGS, DeepImageMatting, Stages
from training.networks import MATTING, SEGMENTATION
from training.salient import SALIENT_CONFIGS, Maps, SalientObjects
from training.settings import Settings
from training.validation import MattingFunction, Validation, network, open_validation

STAGES = ("all", "encoder-decoder", "refiner")


class AnyScore(Protocol):
    """A NamedTuple of figures."""

    @property
    def error(self) -> float:
        """What networks are chosen by: the lower, the better."""

    def words(self) -> str:
        """All of them."""

    def chosen_by(self) -> str:
        """The one that counts."""

    def _asdict(self) -> dict[str, float]: ...


class AnyValidation(Protocol):
    """Sets of pictures by name, and which pictures they are in words."""

    @property
    def sets(self) -> Mapping[str, Sequence[Any]]: ...

    def scores(self, method: Any, cancelled: Callable[[], bool]) -> Any:
        """The mean of each set, by name; None where it was cancelled."""


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

    def source(self, data: Path | None, backgrounds: Path | None, settings: Settings, out: Path) -> Source | SceneBank:
        """What a run learns from: folders, or what is drawn; `out` is for what a bank keeps. Raises DataError."""

    def validation(self, places: Sequence[str]) -> AnyValidation:
        """The pictures that choose the best network. Raises DataError."""

    def method(self, model: Any, half: bool) -> Any:
        """The network as what validation scores."""


class Matting:
    """Alpha of an image and its trimap, by the Deep Image Matting network."""

    name, network = MATTING

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

    def source(
        self, data: Path | None, backgrounds: Path | None, settings: Settings, out: Path
    ) -> FolderSource | SceneSource | SceneBank:
        if data:
            return FolderSource(data, backgrounds, settings.crop_size)
        if backgrounds:
            raise DataError("--backgrounds: goes with --data; scenes draw their own")
        if settings.bank:
            return SceneBank(settings.crop_size, settings.bank, settings.fresh, out)
        return SceneSource(settings.crop_size)

    def validation(self, places: Sequence[str]) -> Validation:
        return open_validation(places)

    def method(self, model: DeepImageMatting, half: bool) -> MattingFunction:
        return network(model, half)


class Segmentation:
    """A soft mask of what a picture is about, by the salient-object network."""

    name, network = SEGMENTATION

    def make(self, model: str) -> SalientObjects:
        return SalientObjects(SALIENT_CONFIGS[model])

    def train_only(self, model: SalientObjects, stage: str) -> None:
        if stage != "all":
            raise CheckpointError(f"stage {stage}: a network that finds objects is trained as a whole; leave it out")
        model.requires_grad_(True).train()

    def begin(self, model: SalientObjects, stage: str) -> None:
        """Nothing: it begins as it was made."""

    def load_encoder(self, model: SalientObjects, path: Path) -> None:
        load_vgg16(model, path)

    def forward(self, model: SalientObjects, stage: str, batch: Batch, half: bool) -> Maps:
        """In float32, before the sigmoid."""
        with torch.autocast(batch.input.device.type, torch.bfloat16, enabled=half):
            maps = model.maps(batch.input.contiguous(memory_format=torch.channels_last))
        return Maps([head.float() for head in maps.heads], maps.fused.float())

    def loss(self, predicted: Maps, stage: str, batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, Tensor]]:
        """Of what is fused, and the mean of the heads', each on its own."""
        heads = torch.stack([mask_loss(head, batch.alpha) for head in predicted.heads]).mean()
        parts = {"fused": mask_loss(predicted.fused, batch.alpha), "heads": heads}
        return parts["fused"] + parts["heads"], parts

    @torch.no_grad()
    def errors(self, predicted: Maps, batch: Batch) -> Tensor:
        """Mean |mask - true mask| of each sample: [N] float64."""
        return (torch.sigmoid(predicted.fused) - batch.alpha).abs().double().mean((1, 2, 3))

    def source(
        self, data: Path | None, backgrounds: Path | None, settings: Settings, out: Path
    ) -> MaskFolderSource | MaskSceneSource:
        if backgrounds:
            raise DataError("--backgrounds: pictures with masks have their own; leave it out")
        return MaskFolderSource(data, settings.crop_size) if data else MaskSceneSource(settings.crop_size)

    def validation(self, places: Sequence[str]) -> MaskValidation:
        return open_mask_validation(places)

    def method(self, model: SalientObjects, half: bool) -> MaskFunction:
        return lambda image: find_objects(model, image, half)


TASKS: dict[str, Task] = {task.name: task for task in (Matting(), Segmentation())}
