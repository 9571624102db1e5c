"""Smooth fields, blur and color spread on batches [N, C, H, W] of float32."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.scenes.dice import Dice
from training.scenes.textures import Size

CELLS = 4  # of the coarsest octave, at most
OCTAVES = 4
FAINT = 1 / 128  # alpha below this is none
COARSE = 4  # wide blurs are made at a quarter of the size
TINY = 1e-3


def positions(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Row [H, 1] and column [1, W] of each pixel; 1 is the longer side."""
    y, x = (torch.arange(extent, dtype=torch.float32, device=device) / (max(size) - 1) for extent in size)
    return y[:, None], x[None]


def smooth_noise(dice: Dice, size: Size, coarsest: tuple[int, int], falloff: float) -> Tensor:
    """[N, 1, H, W] stretched to 0..1: octaves from a random number of cells, at most CELLS, along the longer side."""
    cells = dice.one(dice.rng.integers(coarsest[0], coarsest[1] + 1, dice.count))[..., 0]  # [N, 1, 1]
    # the outermost points stand half a cell inside, and their values go on to the borders
    y, x = (((at * (cells + 1) - 0.5).clamp(min=0).minimum(cells)) / CELLS for at in positions(size, dice.device))
    places = torch.stack([(2 * x - 1).expand(-1, *size), (2 * y - 1).expand(-1, *size)], -1)  # [N, H, W, 2]
    total = torch.zeros((dice.count, 1, *size), device=dice.device)
    for octave in range(OCTAVES):
        grid = dice.normals(1, *(CELLS * 2**octave + 1,) * 2)
        total += falloff**octave * F.grid_sample(grid, places, "bicubic", "border", align_corners=True)
    low, high = torch.aminmax(total.flatten(1), dim=1)
    low, high = low[:, None, None, None], high[:, None, None, None]
    return (total - low) / (high - low).clamp(min=1e-6)


def ramp(dice: Dice, size: Size) -> Tensor:
    """[N, 1, H, W]: from 0 to 1 in a random direction."""
    angle = dice.uniform(0, 2 * math.pi)
    y, x = positions(size, dice.device)
    slope = torch.cos(angle) * x + torch.sin(angle) * y
    low, high = slope.amin((2, 3), keepdim=True), slope.amax((2, 3), keepdim=True)
    return (slope - low) / (high - low)


def enlarged_window(dice: Dice, field: Tensor, share: float, size: Size) -> Tensor:
    """A random part of each smooth field, `share` of its sides, at another size."""
    theta = np.zeros((dice.count, 2, 3), np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = share
    theta[:, :, 2] = dice.rng.uniform(share - 1, 1 - share, (dice.count, 2))
    coarse = [dice.count, 1, *(max(2, -(-extent // 4)) for extent in size)]
    places = F.affine_grid(dice.tensor(theta), coarse, align_corners=False)
    part = F.grid_sample(field, places, "bicubic", "border", align_corners=False)
    return F.interpolate(part, size, mode="bilinear", align_corners=False)


def gaussian_blur(pictures: Tensor, sigma: Tensor, reach: int) -> Tensor:
    """Each picture by its own `sigma` [N, 1, 1, 1] in pixels; the kernel ends after `reach` pixels."""
    n, c, h, w = pictures.shape
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=pictures.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, :, 0]).square())  # [N, 1, taps]
    kernel = (kernel / kernel.sum(2, keepdim=True)).repeat_interleave(c, 0)[:, None]  # [N·C, 1, 1, taps]
    joined = pictures.reshape(1, n * c, h, w)
    for weights in (kernel, kernel.mT):
        up, side = weights.shape[2] // 2, weights.shape[3] // 2
        joined = F.conv2d(F.pad(joined, (side, side, up, up), mode="replicate"), weights, groups=n * c)
    return joined.view(n, c, h, w)


def coarse(pictures: Tensor) -> Tensor:
    """A quarter of the size, for `wide_blur`."""
    return F.avg_pool2d(pictures, COARSE, ceil_mode=True)


def wide_blur(small: Tensor, sigma: Tensor, widest: float, size: Size) -> Tensor:
    """What `coarse` made, blurred by `sigma` [N, 1, 1, 1] pixels of the whole size, at most `widest`, at that size."""
    blurred = gaussian_blur(small, sigma / COARSE, reach=math.ceil(3 * widest / COARSE))
    return F.interpolate(blurred, size, mode="bilinear", align_corners=False)


def spread_color(layer: Tensor) -> Tensor:
    """Premultiplied [N, 4, H, W] -> its color [N, 3, H, W], and that of what is near where there is no alpha."""
    levels = [layer]
    while max(levels[-1].shape[2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True))
    color = levels.pop()
    color = color[:, :3] / color[:, 3:].clamp(min=TINY)
    for level in reversed(levels):
        alpha, least = level[:, 3:], FAINT if level is layer else TINY
        farther = F.interpolate(color, level.shape[2:], mode="bilinear", align_corners=False)
        color = torch.where(alpha >= least, level[:, :3] / alpha.clamp(min=least), farther)
    return color.clamp_(0, 1)
