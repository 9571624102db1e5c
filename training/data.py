"""Training samples: crops of freshly drawn scenes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.preprocess import UNKNOWN, network_input
from training.scenes import Scene, draw_scene
from training.textures import Size


class Batch(NamedTuple):
    """input: [N, 4, H, W] float32 as the network takes it; alpha: [N, 1, H, W] float32 in 0..1;
    foreground, background: [N, 3, H, W] float32 in 0..1; unknown: [N, 1, H, W] bool."""

    input: Tensor
    alpha: Tensor
    foreground: Tensor
    background: Tensor
    unknown: Tensor


def crop(rng: np.random.Generator, scene: Scene, size: int) -> tuple[NDArray[np.float32], ...] | None:
    """A square around a random unknown pixel, never past the border, mirrored at random; None if all is known."""
    rows, columns = np.nonzero(scene.trimap == UNKNOWN)
    if len(rows) == 0:
        return None
    at = rng.integers(len(rows))
    height, width = scene.alpha.shape
    top = int(np.clip(rows[at] - rng.integers(size // 4, 3 * size // 4), 0, height - size))
    left = int(np.clip(columns[at] - rng.integers(size // 4, 3 * size // 4), 0, width - size))
    mirrored = slice(left + size - 1, left - 1 if left else None, -1)
    window = (slice(top, top + size), mirrored if rng.random() < 0.5 else slice(left, left + size))
    trimap = scene.trimap[window]
    colours = (np.ascontiguousarray(c[window].transpose(2, 0, 1)) for c in (scene.foreground, scene.background))
    alpha = np.ascontiguousarray(scene.alpha[window])[None]
    return (network_input(scene.image[window], trimap), alpha, *colours, (trimap == UNKNOWN)[None])


class SceneCrops(IterableDataset[Batch]):
    """Endless batches of crops; which scenes they show depends on `seed` and the worker's number only."""

    def __init__(self, crop_size: int, batch: int, seed: int, crops_per_scene: int = 3):
        self.crop_size, self.batch, self.seed, self.crops_per_scene = crop_size, batch, seed, crops_per_scene
        self.scene_size = Size(2 * crop_size + 32, 2 * crop_size + 32)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng((self.seed, worker.id if worker else 0))
        pool: list[tuple[NDArray[np.float32], ...]] = []
        while True:
            # the pool keeps crops of one scene out of each other's batch
            while len(pool) < 4 * self.batch:
                scene = draw_scene(rng, self.scene_size)
                crops = (crop(rng, scene, self.crop_size) for _ in range(self.crops_per_scene))
                pool.extend(sample for sample in crops if sample is not None)
            chosen = [pool.pop(int(rng.integers(len(pool)))) for _ in range(self.batch)]
            yield Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*chosen, strict=True)))


def scene_loader(crop_size: int, batch: int, seed: int, workers: int) -> DataLoader[Batch]:
    """Batches of `SceneCrops`, drawn by `workers` processes (0: by this one)."""
    dataset = SceneCrops(crop_size, batch, seed)
    return DataLoader(dataset, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)
