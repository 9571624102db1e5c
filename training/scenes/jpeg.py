"""What JPEG does to colors: baseline compression as libjpeg has it, without the part that loses nothing."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81, annex K.1
LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
CHROMA = """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"""
YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
BLOCK = 8


@functools.cache
def constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The cosines [8, 8], both tables [2, 8, 8], RGB to YCbCr [3, 3] and back."""
    rows = [[math.cos((2 * x + 1) * u * math.pi / 16) / (2 if u else math.sqrt(8)) for x in range(8)] for u in range(8)]
    tables = np.array([table.split() for table in (LUMA, CHROMA)], np.float32).reshape(2, 8, 8)
    forth = torch.tensor(YCC, dtype=torch.float64)
    values = (torch.tensor(rows), torch.from_numpy(tables), forth.float(), torch.linalg.inv(forth).float())
    return tuple(value.to(device) for value in values)  # type: ignore[return-value]


def mix(matrix: Tensor, pictures: Tensor) -> Tensor:
    """[3, 3] on the colors of [N, 3, H, W]."""
    return (matrix @ pictures.flatten(2)).view_as(pictures)


def quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """[N, C, 8·h, 8·w] with each 8×8 block's frequencies rounded to multiples of `steps` [N, 8, 8]."""
    n, c, h, w = planes.shape
    cosines = constants(planes.device)[0]
    columns = (cosines @ planes.view(n, c, h // BLOCK, BLOCK, w)).view(n, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    grid = steps[:, None, None, :, None]
    blocks = ((columns @ cosines.T).div_(grid).round_().mul_(grid) @ cosines).view(n, c, h // BLOCK, BLOCK, w)
    return (cosines.T @ blocks).view(n, c, h, w)


def jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """[N, 3, H, W] RGB, whole numbers 0..255, stored with `quality` [N, 1, 1, 1] (1..100) and read again.

    Color is stored at half the resolution, and enlarged linearly.
    """
    height, width = pictures.shape[2:]
    _, tables, forth, back = constants(pictures.device)
    padding = (0, -width % (2 * BLOCK), 0, -height % (2 * BLOCK))
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, 0]  # in percent, [N, 1, 1]
    luma, chroma = (((table * scale + 50) / 100).floor().clamp(1, 255) for table in tables)
    planes = mix(forth, F.pad(pictures, padding, mode="replicate"))
    gray = quantise(planes[:, :1].round() - 128, luma) + 128
    color = quantise(F.avg_pool2d(planes[:, 1:], 2).round_(), chroma)
    color = F.interpolate(color, scale_factor=2, mode="bilinear", align_corners=False)
    stored = mix(back, torch.cat([gray, color], 1).round_())
    return stored[:, :, :height, :width].round().clamp_(0, 255)
