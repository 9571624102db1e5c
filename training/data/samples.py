"""Training samples and where they come from; this file has the endless source, drawn scenes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.data.preprocess import UNKNOWN, network_input
from training.scenes.drawing import Scene, draw_scene
from training.scenes.families import FAMILIES, likely_families
from training.scenes.textures import Size


class DataError(RuntimeError):
    """Pictures that cannot be trained on; the message says which file or folder, and why."""


class Sample(NamedTuple):
    """One crop: the fields of `Batch` as arrays without the leading N, and without `kind`."""

    input: NDArray[np.float32]
    alpha: NDArray[np.float32]
    foreground: NDArray[np.float32]
    background: NDArray[np.float32]
    unknown: NDArray[np.bool_]


class Batch(NamedTuple):
    """input: [N, 4, H, W] float32 as the network takes it; alpha: [N, 1, H, W] float32 in 0..1;
    foreground, background: [N, 3, H, W] float32 in 0..1; unknown: [N, 1, H, W] bool;
    kind: [N] int64, which of the source's kinds each sample shows."""

    input: Tensor
    alpha: Tensor
    foreground: Tensor
    background: Tensor
    unknown: Tensor
    kind: Tensor


class Source(Protocol):
    """Samples by kind. What `draw` returns depends on its arguments only, in whichever process it runs."""

    @property
    def names(self) -> Sequence[str]:
        """Of the kinds: families of scenes, or foreground pictures."""
        ...

    @property
    def weights(self) -> NDArray[np.float64]:
        """How often each kind is drawn, relative to the others."""
        ...

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        """`count` crops of one picture; raises DataError for a file that cannot be used."""
        ...


def sample(
    image: NDArray[np.uint8],
    trimap: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
) -> Sample:
    """[H, W, C] pictures (RGB; `image` 0..255, colors 0..1) and [H, W] maps as the planes of a sample."""
    front, back = (np.ascontiguousarray(color.transpose(2, 0, 1)) for color in (foreground, background))
    planes = network_input(image, trimap)
    return Sample(planes, np.ascontiguousarray(alpha)[None], front, back, (trimap == UNKNOWN)[None])


def crop(rng: np.random.Generator, scene: Scene, size: int) -> Sample | None:
    """A square around a random unknown pixel, never past the border, in a random orientation; None if all is known."""
    rows, columns = np.nonzero(scene.trimap == UNKNOWN)
    if len(rows) == 0:
        return None
    at = rng.integers(len(rows))
    height, width = scene.alpha.shape
    top = int(np.clip(rows[at] - rng.integers(size // 4, 3 * size // 4), 0, height - size))
    left = int(np.clip(columns[at] - rng.integers(size // 4, 3 * size // 4), 0, width - size))
    window = (slice(top, top + size), slice(left, left + size))
    if rng.random() < 0.5:  # with the four turns: all eight symmetries of a square
        window = (window[0], slice(left + size - 1, left - 1 if left else None, -1))
    turns = int(rng.integers(4))
    maps: list[NDArray[Any]] = [scene.image, scene.trimap, scene.alpha, scene.foreground, scene.background]
    return sample(*(np.rot90(part[window], turns) for part in maps))


class SceneSource:
    """Crops of freshly drawn scenes; the kinds are the families."""

    def __init__(self, crop_size: int):
        self.crop_size = crop_size
        self.scene_size = Size(2 * crop_size + 32, 2 * crop_size + 32)
        self.names = list(FAMILIES)
        self.weights = likely_families()

    def draw(self, rng: np.random.Generator, kind: int, count: int) -> list[Sample]:
        while True:
            scene = draw_scene(rng, self.scene_size, self.names[kind])
            crops = [crop(rng, scene, self.crop_size) for _ in range(count)]
            samples = [part for part in crops if part is not None]
            if samples:  # all or none: they are crops of one trimap
                return samples
