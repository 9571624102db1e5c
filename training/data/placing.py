"""Where crops lie in square pictures, and what is seen there."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.scenes.textures import Array, Rng

EXACT_SHARE = 0.5  # of crops takes pixels as they are, in one of eight orientations: resampling softens strands
SCALES = (0.75, 1.4)  # of the others: pixels of the picture to one of the crop


class Places(NamedTuple):
    """matrix: [N, 2, 2], from a crop's rows and columns about its centre to the picture's; centre: [N, 2] (row, column)
    in the picture; exact: [N] bool, where crop pixels are picture pixels."""

    matrix: Array
    centre: Array
    exact: NDArray[np.bool_]

    def of(self, rows: NDArray[np.int64]) -> Places:
        return Places(*(part[rows] for part in self))


def least_side(crop: int) -> int:
    """Of pictures in which every crop has room."""
    return math.ceil(max(1, SCALES[1]) * math.sqrt(2) * crop)


def matrices(angle: Array, scale: Array, mirrored: NDArray[np.bool_]) -> Array:
    """Turned, scaled and perhaps mirrored, [N, 2, 2]."""
    c, s, m = np.cos(angle) * scale, np.sin(angle) * scale, np.where(mirrored, -1, 1)
    return np.stack([np.stack([c, -s * m], -1), np.stack([s, c * m], -1)], -2)


def inside(matrix: Array, centre: Array, side: int, crop: int) -> Array:
    """The nearest centres [N, 2] whose whole crops are in the picture."""
    half = np.abs(matrix).sum(2) * (crop - 1) / 2
    return np.clip(centre, half, side - 1 - half)


def place(rng: Rng, count: int, side: int, crop: int, points: NDArray[np.int16], offset: Array) -> Places:
    """`count` crops of pictures that are `side` pixels square.

    points: [N, 2] (row, column) in the pictures that the crops must show; offset: [N, 2], where in the crop they are to
    be, from its centre. At a picture's border they come elsewhere, as nothing beyond is shown.
    """
    exact = rng.random(count) < EXACT_SHARE
    angle = np.where(exact, rng.integers(4, size=count) * (math.pi / 2), rng.uniform(0, 2 * math.pi, count))
    scale = np.where(exact, 1, np.exp(rng.uniform(math.log(SCALES[0]), math.log(SCALES[1]), count)))
    mirrored = rng.random(count) < 0.5
    for _ in range(2):
        matrix = matrices(angle, scale, mirrored)
        centre = inside(matrix, points - np.einsum("nij,nj->ni", matrix, offset), side, crop)
        found = np.einsum("nij,nj->ni", np.linalg.inv(matrix), points - centre)
        lost = (np.abs(found) > (crop - 2) / 2).any(1)
        angle = np.where(
            lost, np.round(angle / (math.pi / 2)) * (math.pi / 2), angle
        )  # upright crops reach all corners
    half = (crop - 1) / 2
    centre[exact] = np.round(centre[exact] - half) + half
    return Places(matrix, centre, exact)


def coordinates(places: Places, crop: int, device: torch.device) -> Tensor:
    """Row and column in the picture of each pixel of the crops: [2, N, S, S] float32."""
    at = torch.arange(crop, dtype=torch.float32, device=device) - (crop - 1) / 2
    matrix, centre = (torch.from_numpy(part.astype(np.float32)).to(device) for part in places[:2])
    column = matrix[:, :, 0, None] * at + centre[:, :, None]  # [N, 2, S], by the crop's row
    row = matrix[:, :, 1, None] * at  # [N, 2, S], by its column
    return (column[..., None] + row[:, :, None]).transpose(0, 1)


def look(pixels: Tensor, side: int, index: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Whole pixels: [K] int32 of pictures one after the other, at int64 places -> [N, 4, S, S] float32 in 0..255."""
    taken = pixels[(index[:, None, None] * side + row) * side + column]
    return taken.view(torch.uint8).view(*taken.shape, 4).permute(0, 3, 1, 2).float()


def see(pictures: Tensor, index: NDArray[np.int64], places: Places, crop: int) -> Tensor:
    """Crops [N, 4, S, S] float32 in 0..1 of `pictures` [M, B, B, 4] uint8, number `index[n]` at place n."""
    device, side = pictures.device, pictures.shape[1]
    pixels = pictures.view(torch.int32).flatten()
    seen = torch.empty((len(index), 4, crop, crop), device=device)
    for exact in (True, False):
        rows = np.flatnonzero(places.exact == exact)
        if len(rows) == 0:
            continue
        which = torch.from_numpy(index[rows]).to(device)
        at = coordinates(places.of(rows), crop, device)
        if exact:
            crops = look(pixels, side, which, *at.round().long())
        else:
            crops = interpolated(pixels, side, which, at.clamp(0, side - 1))
        seen[torch.from_numpy(rows).to(device)] = crops
    return seen.div_(255)


def interpolated(pixels: Tensor, side: int, index: Tensor, at: Tensor) -> Tensor:
    """Bilinearly, between four pixels."""
    low = at.floor().clamp_(max=side - 2)
    (down, right), (top, left) = (at - low)[:, :, None], low.long()
    upper, lower = (
        torch.lerp(look(pixels, side, index, row, left), look(pixels, side, index, row, left + 1), right)
        for row in (top, top + 1)
    )
    return torch.lerp(upper, lower, down)
