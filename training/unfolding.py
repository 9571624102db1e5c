"""The inverse of `folding`: batch norm put back behind convolutions that it was folded into, so that they train on.

Statistics and gains that make the same function are many. Here each channel's statistics are those that it has on drawn
scenes, so that training sees what evaluation sees; and its weights get the norm of a fresh initialisation, which batch
norm leaves free and which decides how far a step of the optimiser turns them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor, nn

from training.data.loader import batches
from training.data.masks import MaskSceneSource
from training.data.samples import SceneSource
from training.model import Conv, ModelConfig
from training.networks import Config, Network, make_network

BATCHES, BATCH, SEED = 6, 16, 77  # of scenes for the statistics
SMALLEST_NORM = 1e-6  # channels of smaller weights stay as they are
SMALLEST_VARIANCE = 1e-8  # of channels that never change


@torch.no_grad()
def unfold_batch_norm(folded: Network, config: Config, crop_size: int) -> Network:
    """A network of `config`, with batch norm, that computes what `folded`, without, does; in eval mode, on the CPU."""
    assert folded.config == replace(config, norm="none")
    statistics = channel_statistics(folded, crop_size)
    model = make_network(config).eval()
    for name, block in model.named_children():
        source = getattr(folded, name).conv
        norm = getattr(block, "norm", None)
        if isinstance(norm, nn.BatchNorm2d):
            restore(block.conv, norm, source, *statistics[name])  # type: ignore[arg-type]
        else:
            block.load_state_dict(getattr(folded, name).state_dict())
    return model


def restore(conv: nn.Conv2d, norm: nn.BatchNorm2d, folded: nn.Conv2d, mean: Tensor, variance: Tensor) -> None:
    """conv, then norm, does what `folded` does; mean, variance: [C] float64 of its output."""
    weight, bias = (values.double() for values in folded.parameters())
    length = weight.flatten(1).norm(dim=1)
    fresh = math.sqrt(2)  # the norm of He's initialisation by fan-in, whatever the fan-in
    scale = torch.where(length > SMALLEST_NORM, fresh / length.clamp(min=SMALLEST_NORM), 1.0)
    spread = (variance.clamp(min=SMALLEST_VARIANCE) * scale**2 + norm.eps).sqrt()
    conv.weight.copy_(weight * scale[:, None, None, None])
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    values = {"running_mean": (mean - bias) * scale, "running_var": spread**2 - norm.eps}
    for name, value in (values | {"weight": spread / scale, "bias": mean}).items():
        getattr(norm, name).copy_(value)


def channel_statistics(model: Network, crop_size: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and variance, [C] float64, of what each convolution of `model` puts out on drawn scenes."""
    sums: dict[str, list[Tensor]] = {}

    def watch(name: str, block: Conv) -> torch.utils.hooks.RemovableHandle:
        def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            values = output.double()
            count = values.new_tensor(values.numel() // values.shape[1])
            new = [count, values.sum((0, 2, 3)), values.square().sum((0, 2, 3))]
            sums[name] = [old + value for old, value in zip(sums[name], new, strict=True)] if name in sums else new

        return block.conv.register_forward_hook(note)

    hooks = [watch(name, block) for name, block in model.named_children() if isinstance(block, Conv)]
    scenes = SceneSource if isinstance(model.config, ModelConfig) else MaskSceneSource
    data = batches(scenes(crop_size), BATCH, SEED)
    for batch in islice(data, BATCHES):
        model(batch.input)
    for hook in hooks:
        hook.remove()
    means = {name: total / count for name, (count, total, _) in sums.items()}
    return {name: (means[name], squares / count - means[name] ** 2) for name, (count, _, squares) in sums.items()}
