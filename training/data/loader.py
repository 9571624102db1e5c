"""Batches by number: which samples a batch holds is a function of the seed and the batch's number alone.

So a resumed run goes on with the very batches that an uninterrupted one would have seen, with any number of workers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from training.data.bank import SceneBank
from training.data.samples import Batch, DataError, Source
from training.parallel import Processes

GROUP = 3  # a picture costs more than a crop of it: each gives one crop to this many batches in a row
PREFETCH_GROUPS = 2  # by each worker
Request = tuple[int, list[tuple[int, int]]]  # group, and (place in the joint batch, kind) of each picture
Probabilities = Callable[[int], NDArray[np.float64]]  # group -> how likely each kind is


def group_of(batch: int) -> int:
    return batch // GROUP


class Groups(Dataset[Any]):
    """`GROUP` batches by request. An error is returned, not raised: so it crosses from a worker as it is."""

    def __init__(self, source: Source, seed: int):
        self.source, self.seed = source, seed

    def __getitem__(self, request: Request) -> list[Batch] | DataError:
        group, pictures = request
        columns = []
        try:
            for place, kind in pictures:
                rng = np.random.default_rng((self.seed, group, 1 + place))
                columns.append(self.source.draw(rng, kind, GROUP))
        except DataError as error:
            return error
        kinds = torch.tensor([kind for _, kind in pictures])
        rows = (zip(*row, strict=True) for row in zip(*columns, strict=True))
        return [Batch._make([*(torch.from_numpy(np.stack(part)) for part in row), kinds]) for row in rows]


class Requests:
    """Endless requests from `first_group` on, for this process's share of the joint batch."""

    def __init__(self, first_group: int, batch: int, seed: int, probabilities: Probabilities, processes: Processes):
        self.first_group, self.batch, self.seed = first_group, batch, seed
        self.probabilities, self.processes = probabilities, processes

    def __iter__(self) -> Iterator[Request]:
        share = self.batch // self.processes.count
        mine = slice(self.processes.rank * share, (self.processes.rank + 1) * share)
        for group in itertools.count(self.first_group):
            likely = self.probabilities(group)
            kinds = np.random.default_rng((self.seed, group)).choice(len(likely), self.batch, p=likely)
            yield group, list(enumerate(kinds.tolist()))[mine]


def _start_worker(_: int) -> None:
    cv2.setNumThreads(1)  # the workers are the parallelism


def _as_it_is(item: Any) -> Any:
    return item


def batches(
    source: Source | SceneBank,
    batch: int,
    seed: int,
    first: int = 0,
    workers: int = 0,
    probabilities: Probabilities | None = None,
    processes: Processes | None = None,
    device: torch.device | None = None,
) -> Iterator[Batch]:
    """Endless batches from number `first` on, made by `workers` processes (0: by this one).

    batch: crops per step, of which each of `processes` gets an equal share; device: where a bank combines what was
    drawn, by default the CPU. Raises DataError.
    """
    processes = processes or Processes()
    if batch % processes.count:
        raise DataError(f"batch: expected a multiple of the {processes.count} processes, got {batch}")
    fixed = source.weights / source.weights.sum()
    probabilities = probabilities or (lambda group: fixed)
    if isinstance(source, SceneBank):
        share = batch // processes.count
        likely = lambda number: probabilities(group_of(number))  # noqa: E731
        yield from source.batches(share, seed, first, workers, device or torch.device("cpu"), likely, processes.rank)
        return
    requests = Requests(group_of(first), batch, seed, probabilities, processes)
    loader = DataLoader(
        Groups(source, seed),
        sampler=requests,
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_start_worker,
        prefetch_factor=PREFETCH_GROUPS if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    if not workers:
        cv2.setNumThreads(1)
    skip = first % GROUP
    for group in loader:
        if isinstance(group, DataError):
            raise group
        yield from group[skip:]
        skip = 0
