"""Trimaps from alpha, as wide and as uneven as hands draw them."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.scenes.dice import Dice
from training.scenes.distance import distance
from training.scenes.textures import Rng

RADII = (1.5, 60.0)  # of dilation and erosion, pixels
WOBBLE = (0.3, 1.7)  # times the radius, where a hand is uneven
SPOTS = 12  # fewer than these are left open in a scene, where any are
CELL = 40  # pixels between places where an uneven hand changes


def random_radii(rng: Rng, count: int, radii: tuple[float, float] = RADII) -> NDArray[np.float32]:
    """[2, N] pixels on a log scale: how far trimaps reach outside and inside of objects."""
    return np.exp(rng.uniform(math.log(radii[0]), math.log(radii[1]), (2, count))).astype(np.float32)


def random_trimaps(dice: Dice, alpha: Tensor, radii: NDArray[np.float32], share: float = 1.0) -> Tensor:
    """Dilation and erosion of alpha [N, 1, H, W] by `radii` [2, N], as uint8; share: of a scene's sides that is seen.

    Known pixels never contradict alpha: 0 only where alpha is 0, 255 only where it is 1, else 128.
    """
    # distances instead of morphology: the same discs, at a cost that does not grow with the radius
    away = distance(torch.cat([alpha > 0, alpha < 1], 1), math.ceil(radii.max() * WOBBLE[1]))
    cells = [max(2, extent // CELL) for extent in alpha.shape[2:]]
    uneven = dice.one(dice.rng.random(dice.count) < 0.5) * (dice.uniforms(*WOBBLE, 1, *cells) - 1) + 1
    reach = F.interpolate(uneven, alpha.shape[2:], mode="bilinear", align_corners=False)
    known = away > reach * dice.tensor(radii.T)[:, :, None, None]  # [N, 2, H, W]: background, foreground
    known &= ~open_spots(dice, alpha, share)
    trimap = torch.full_like(alpha, 128, dtype=torch.uint8)
    return trimap.masked_fill_(known[:, :1], 0).masked_fill_(known[:, 1:], 255)


def open_spots(dice: Dice, alpha: Tensor, share: float) -> Tensor:
    """[N, 1, H, W] bool: a few ellipses in some pictures, whatever is there: a hand is not sure everywhere."""
    height, width = alpha.shape[2:]
    counts = np.where(dice.rng.random(dice.count) < 0.3, dice.rng.integers(1, SPOTS, dice.count), 0)
    rows = np.repeat(np.arange(dice.count), counts)  # the picture of each spot
    window = dice.rng.uniform(0, 1 - share, (dice.count, 2))  # of the scene that is seen
    centre = (dice.rng.uniform(0, 1, (len(rows), 2)) - window[rows]) / share * (height, width)
    axes, angle = dice.rng.uniform(3, RADII[1] / 2, (len(rows), 2)), dice.rng.uniform(0, np.pi, len(rows))
    seen = ((centre + RADII[1] / 2 > 0) & (centre - RADII[1] / 2 < (height, width))).all(1)
    y, x = (
        torch.arange(extent, device=dice.device)[shape] - dice.one(centre[seen, axis])[:, 0]
        for axis, (extent, shape) in enumerate([(height, np.s_[:, None]), (width, np.s_[None])])
    )
    c, s, first, second = (dice.one(v[seen])[:, 0] for v in (np.cos(angle), np.sin(angle), axes[:, 0], axes[:, 1]))
    spots = ((c * x + s * y) / first).square() + ((c * y - s * x) / second).square() <= 1  # [spots, H, W]
    found = torch.zeros((dice.count, height, width), device=dice.device)
    found.index_add_(0, torch.from_numpy(rows[seen]).to(dice.device), spots.float())
    mixed = alpha.amin((2, 3), keepdim=True) < alpha.amax((2, 3), keepdim=True)
    return (found > 0)[:, None] & mixed


def random_trimap(rng: Rng, alpha: NDArray[np.float32], radii: tuple[float, float] = RADII) -> NDArray[np.uint8]:
    """The same of one alpha [H, W], with radii drawn between these."""
    trimaps = random_trimaps(Dice(rng, 1), torch.from_numpy(alpha)[None, None], random_radii(rng, 1, radii))
    trimap: NDArray[np.uint8] = trimaps[0, 0].numpy()
    return trimap
