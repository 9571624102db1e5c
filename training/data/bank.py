"""Batches of scenes from a bank: drawn layers and textures that are combined anew for every crop.

Batch b takes from the layers with the numbers first(b) to first(b) + `layers`, a window that moves on by `fresh` for
each crop. What it holds is a function of the seed, the process's number and b, however many processes draw and combine;
`training.data.ring` keeps the window in a file, so a run that goes on has it at once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.painters import Painters
from training.data.placing import least_side, place, see
from training.data.preprocess import PREPROCESSING, TRIMAP_SCALE, UNKNOWN
from training.data.ring import Ring
from training.data.samples import Batch
from training.scenes.dice import Dice
from training.scenes.drawing import compose
from training.scenes.families import FAMILIES, likely_families
from training.scenes.trimap import random_radii
from training.stopping import ignore_signals

PREFETCH = 2  # batches, by each process that combines
MAKERS = 8  # such processes, at most: one combines what several draw
AHEAD_BATCHES = PREFETCH * MAKERS + 2  # whose new layers may be drawn while older ones are still in use
FILE = "layers.bank"


class Pictures(NamedTuple):
    """layers, textures: [slots, B, B, 4] uint8, on the batches' device; families [slots], points [slots, K, 2]."""

    layers: Tensor
    textures: Tensor
    families: NDArray[np.int64]
    points: NDArray[np.int16]


class Request(NamedTuple):
    """Batch number `number` of so many crops; seed: with the process's number; first: of its window of `layers`;
    likely: [families], how likely each is."""

    number: int
    crops: int
    seed: tuple[int, ...]
    first: int
    layers: int
    likely: NDArray[np.float64]


def normalised(image: Tensor, trimap: Tensor) -> Tensor:
    """The network's input [N, 4, H, W], as `network_input` makes it; image: whole numbers 0..255."""
    mean, std = (image.new_tensor(values)[:, None, None] for values in (PREPROCESSING.mean, PREPROCESSING.std))
    return torch.cat([(image - mean) / std, trimap.float() * TRIMAP_SCALE], 1)


def offsets(rng: np.random.Generator, radii: NDArray[np.float32], crop: int) -> NDArray[np.float64]:
    """[N, 2] from a crop's centre to the edge that it shows: within the inner half, or as far beyond as the trimap
    reaches, so that wide bands are seen in full; never at the border."""
    count = radii.shape[1]
    turn, far = rng.uniform(0, 2 * np.pi, count), radii.max(0) * rng.uniform(0, 1, count)
    around = rng.uniform(-crop / 4, crop / 4, (count, 2)) + far[:, None] * np.stack([np.sin(turn), np.cos(turn)], -1)
    return np.asarray(np.clip(around, 1 - crop / 2, crop / 2 - 1))


@torch.no_grad()
def make(pictures: Pictures, request: Request, crop: int) -> Batch:
    """One batch on the pictures' device."""
    rng, count = np.random.default_rng((*request.seed, request.number)), request.crops
    slots, side = len(pictures.families), pictures.layers.shape[1]
    window = (request.first + np.arange(request.layers)) % slots
    families = pictures.families[window]
    chances = (request.likely / likely_families())[families]
    front = window[rng.choice(request.layers, count, p=chances / chances.sum())]
    back = window[rng.integers(request.layers, size=count)]
    radii = random_radii(rng, count)
    shown = pictures.points[front, rng.integers(pictures.points.shape[1], size=count)]
    anywhere = rng.integers(side, size=(count, 2)).astype(np.int16)
    layer = see(pictures.layers, front, place(rng, count, side, crop, shown, offsets(rng, radii, crop)), crop)
    background = see(pictures.textures, back, place(rng, count, side, crop, anywhere, np.zeros((count, 2))), crop)
    made = compose(Dice(rng, count, layer.device), layer, background[:, :3], radii, crop / side)
    kinds = torch.from_numpy(pictures.families[front]).to(layer.device)
    unknown = made.trimap == UNKNOWN
    planes = normalised(made.image, made.trimap)
    return Batch(planes, made.alpha, made.foreground, made.background.contiguous(), unknown, kinds)


class OnDevice:
    """The pictures of a ring in a GPU's memory, where new ones follow as they are needed."""

    def __init__(self, ring: Ring, device: torch.device):
        shape = (ring.slots, ring.side, ring.side, 4)
        self.ring, self.held = ring, np.full(ring.slots, -1, np.int64)
        layers, textures = (torch.empty(shape, dtype=torch.uint8, device=device) for _ in range(2))
        self.pictures = Pictures(layers, textures, ring.families, ring.points)

    def load(self, first: int, end: int) -> None:
        """Numbers `first` to `end`, which the ring must hold; copies on the current stream."""
        for number in range(first, end):
            slot = number % self.ring.slots
            if self.held[slot] == number:
                continue
            for target, source in (
                (self.pictures.layers, self.ring.layers),
                (self.pictures.textures, self.ring.textures),
            ):
                staged = torch.from_numpy(source[slot])
                staged = staged.pin_memory() if target.is_cuda else staged
                target[slot].copy_(staged, non_blocking=True)
            self.held[slot] = number


class Made(Dataset[Batch]):
    """Batches by request, in a process that shares the ring."""

    def __init__(self, ring: Ring, crop: int):
        self.ring, self.crop = ring, crop

    def __getitem__(self, request: Request) -> Batch:
        ring = self.ring
        layers, textures = torch.from_numpy(ring.layers), torch.from_numpy(ring.textures)
        return make(Pictures(layers, textures, ring.families, ring.points), request, self.crop)


def _start_maker(_: int) -> None:
    ignore_signals()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _as_it_is(item: Any) -> Any:
    return item


def made_by_processes(ring: Ring, crop: int, requests: Iterator[Request], makers: int) -> Iterator[Batch]:
    """On the CPU, by so many processes; 0: by this one."""
    yield from DataLoader(
        Made(ring, crop),
        sampler=_Requests(requests),
        batch_size=None,
        num_workers=makers,
        collate_fn=_as_it_is,
        worker_init_fn=_start_maker,
        prefetch_factor=PREFETCH if makers else None,
        multiprocessing_context="fork" if makers else None,
    )


class _Requests:
    """What a DataLoader calls a sampler."""

    def __init__(self, requests: Iterator[Request]):
        self.requests = requests

    def __iter__(self) -> Iterator[Request]:
        return self.requests


def made_on_device(ring: Ring, crop: int, requests: Iterator[Request], device: torch.device) -> Iterator[Batch]:
    """By the device itself, on a stream of its own: the next batch while the training step takes this one."""
    held = OnDevice(ring, device)
    is_gpu = device.type == "cuda"
    stream = torch.cuda.Stream(device) if is_gpu else None  # type: ignore[no-untyped-call]
    waiting: tuple[Batch, Any] | None = None
    for request in requests:
        with torch.cuda.stream(stream):
            held.load(request.first, request.first + request.layers)
            batch = make(held.pictures, request, crop)
            done = stream.record_event() if stream else None
        if waiting is not None:
            yield received(*waiting)
        waiting = batch, done


def received(batch: Batch, done: torch.cuda.Event | None) -> Batch:
    """For the current stream, which waits until it is made."""
    if done is not None:
        current = torch.cuda.current_stream(batch.input.device)
        current.wait_event(done)
        for part in batch:
            part.record_stream(current)  # its memory is not the maker's again before the step has read it
    return batch


class SceneBank:
    """An endless source of batches of crops of `crop_size` pixels; the kinds are the families.

    layers: how many are in use at a time; fresh: new ones for each crop; folder: of the file that holds them.
    """

    def __init__(self, crop_size: int, layers: int, fresh: float, folder: Path):
        self.crop_size, self.layers, self.fresh, self.folder = crop_size, layers, fresh, folder
        self.names, self.weights = list(FAMILIES), likely_families()
        self.side = max(2 * crop_size + 32, least_side(crop_size))  # of layers and textures, pixels

    def first(self, number: int, batch: int) -> int:
        """The lowest layer that batch `number` may take."""
        return int(number * batch * self.fresh)

    def batches(self, batch: int, seed: int, first: int, workers: int, device: torch.device,
                likely: Callable[[int], NDArray[np.float64]], rank: int = 0) -> Iterator[Batch]:  # fmt: skip
        """Endless batches of `batch` crops from number `first` on.

        workers: processes that draw, and on a CPU as many that combine; 0: this process does all. likely: by the
        batch's number, how likely each family is. Raises DataError.
        """
        ahead = max(self.layers // 8, int(AHEAD_BATCHES * batch * self.fresh) + 1)
        ring = Ring(self.folder / (f"{rank}-{FILE}" if rank else FILE), (seed, rank), self.layers + ahead, self.side)
        painters = Painters(ring, workers)

        def requests() -> Iterator[Request]:
            for number in itertools.count(first):
                start = self.first(number, batch)
                painters.wait(start, start + self.layers)
                yield Request(number, batch, (seed, rank), start, self.layers, likely(number))

        try:
            painters.start(self.first(first, batch), self.layers, os.cpu_count() or 1)
            if device.type == "cpu":
                made = made_by_processes(ring, self.crop_size, requests(), min(workers, MAKERS))
            else:
                made = made_on_device(ring, self.crop_size, requests(), device)
            for number, one in enumerate(made, first + 1):
                ring.oldest[0] = self.first(number, batch)  # all batches before this number are made
                yield one
        finally:
            painters.stop()
            ring.close()
