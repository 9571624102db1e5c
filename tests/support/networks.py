"""Random networks with logits of order one, and how close their poolings come to a tie.

Where two values of a pooling window differ by less than rounding, any two correct programs may disagree about the
argmax, and unpooling then moves a value by a pixel: a jump, not a rounding error. Exactness is tested on seeds where
`tie_margin` is wide enough that rounding cannot decide; tests/support/seeds.py finds and keeps them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.support.pictures import random_picture
from training.data.preprocess import network_input
from training.model import DeepImageMatting, ModelConfig
from training.random_heads import normalise_heads

U8 = NDArray[np.uint8]


def input_tensor(img_rgb: U8, trimap: U8) -> Tensor:
    """The network's input, [1, 4, 32·h, 32·w] float32, by the training side's own preprocessing."""
    return torch.from_numpy(network_input(img_rgb, trimap))[None]


def random_network(config: ModelConfig, seed: int) -> DeepImageMatting:
    """Random weights and batch norm statistics, heads scaled so that the logits have standard deviation one."""
    torch.manual_seed(seed)
    model = DeepImageMatting(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.7, 1.3)
        elif isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.bias, -0.1, 0.1)
    normalise_heads(model, input_tensor(*random_picture(seed, 64, 96)))
    return model


@torch.inference_mode()
def alpha_of(
    model: DeepImageMatting, img_rgb: U8, trimap: U8, dtype: torch.dtype = torch.float32
) -> NDArray[np.float64]:
    """PyTorch's answer, HxW: preprocessed, padded, cropped, known pixels pasted."""
    height, width = trimap.shape
    network = model.to(dtype)
    alpha = network(input_tensor(img_rgb, trimap).to(dtype))[0, 0, :height, :width].double().numpy()
    model.to(torch.float32)
    return np.where(trimap == 0, 0.0, np.where(trimap == 255, 1.0, alpha))


@torch.inference_mode()
def tie_margin(model: DeepImageMatting, x: Tensor) -> float:
    """The smallest gap, in standard deviations of its map, that decides an argmax anywhere (float64).

    Windows whose four values are all zero after ReLU count by how far below zero the largest was before it. True ties
    (padding repeats pixels, constant pictures) do not count: equal sums of equal terms round equally.
    """
    margins: list[float] = []
    blocks = model.encoder_blocks()
    before_relu: dict[int, Tensor] = {}
    hooks = []
    for k, block in enumerate(blocks):
        relu = block[-1].relu
        hooks.append(relu.register_forward_pre_hook(lambda _m, args, k=k: before_relu.__setitem__(k, args[0].clone())))
    model.double()
    x = x.double()
    for block in blocks:
        for layer in block:
            x = layer(x)
        x = torch.nn.functional.max_pool2d(x, 2)
    for hook in hooks:
        hook.remove()
    model.float()
    for p in before_relu.values():
        windows = torch.nn.functional.unfold(p.transpose(0, 1), 2, stride=2)  # [C, 4, windows]
        top = windows.topk(2, dim=1).values
        gap = torch.where(top[:, 0] > 0, torch.minimum(top[:, 0] - top[:, 1].clamp_min(0), top[:, 0]), -top[:, 0])
        gap = gap / p.std().clamp_min(1e-12)
        margins.append(float(torch.where(gap < 1e-12, torch.inf, gap).min()))
    return min(margins)
