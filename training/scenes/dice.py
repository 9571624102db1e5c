"""The random numbers of a batch of pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.scenes.textures import Rng


class Dice:
    """One number for each of `count` pictures from `rng`, whole fields from a generator on the device, seeded by it.

    So the CPU knows what happens to which picture without waiting for the device.
    """

    def __init__(self, rng: Rng, count: int, device: torch.device | None = None):
        self.rng, self.count, self.device = rng, count, device or torch.device("cpu")
        self.generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))

    def of(self, count: int) -> Dice:
        """The same stream of numbers, for so many pictures."""
        other = object.__new__(Dice)
        other.rng, other.count, other.device, other.generator = self.rng, count, self.device, self.generator
        return other

    def tensor(self, values: NDArray[np.generic]) -> Tensor:
        """float32 on the device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device, non_blocking=True)

    def one(self, values: NDArray[np.generic]) -> Tensor:
        """[N] as [N, 1, 1, 1]."""
        return self.tensor(values)[:, None, None, None]

    def uniform(self, low: float, high: float) -> Tensor:
        """[N, 1, 1, 1]."""
        return self.one(self.rng.uniform(low, high, self.count))

    def normals(self, *shape: int) -> Tensor:
        """[N, *shape] of mean 0 and deviation 1."""
        return torch.randn((self.count, *shape), generator=self.generator, device=self.device)

    def uniforms(self, low: float, high: float, *shape: int) -> Tensor:
        """[N, *shape]."""
        values = torch.rand((self.count, *shape), generator=self.generator, device=self.device)
        return values.mul_(high - low).add_(low)

    def some(self, share: float) -> Tensor:
        """The indices of about this share of the pictures, int64 on the device."""
        return torch.from_numpy(np.flatnonzero(self.rng.random(self.count) < share)).to(self.device, non_blocking=True)

    def sometimes(self, share: float, change: Callable[..., Tensor], pictures: Tensor, *given: Tensor) -> Tensor:
        """`change(dice, pictures, *given)` in about this share of the pictures, in place."""
        rows = self.some(share)
        if len(rows):
            pictures[rows] = change(self.of(len(rows)), pictures[rows], *(part[rows] for part in given))
        return pictures
