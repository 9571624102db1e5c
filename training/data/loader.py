"""Batches by number: which samples a batch holds is a function of the seed and the batch's number alone.

So a resumed run goes on with the very batches that an uninterrupted one would have seen, with any number of workers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from training.data.bank import SceneBank
from training.data.reading import UnreadableError
from training.data.samples import Batch, DataError, Sample, Source
from training.parallel import Processes
from training.progress import say
from training.stopping import ignore_signals

GROUP = 3  # a picture costs more than a crop of it: each gives one crop to this many batches in a row
PREFETCH_GROUPS = 2  # by each worker
MAX_UNREADABLE = 10  # files in a run: with more of them it is the disk, or the data, and not a picture
Request = tuple[int, list[tuple[int, int]]]  # group, and (place in the joint batch, kind) of each picture
Probabilities = Callable[[int], NDArray[np.float64]]  # group -> how likely each kind is


class Group(NamedTuple):
    """`GROUP` batches, and the pictures that were to be in them."""

    batches: list[Batch]
    unreadable: list[UnreadableError]


def group_of(batch: int) -> int:
    return batch // GROUP


class Groups(Dataset[Any]):
    """`GROUP` batches by request. An error is returned, not raised: so it crosses from a worker as it is."""

    def __init__(self, source: Source, seed: int):
        self.source, self.seed = source, seed

    def __getitem__(self, request: Request) -> Group | DataError:
        group, pictures = request
        columns, kinds = [], []
        unreadable: list[UnreadableError] = []
        try:
            for place, kind in pictures:
                rng = np.random.default_rng((self.seed, group, 1 + place))
                drawn, kind = self.draw(rng, kind, unreadable)
                columns.append(drawn)
                kinds.append(kind)
        except DataError as error:
            return error
        rows = (zip(*row, strict=True) for row in zip(*columns, strict=True))
        made = [Batch._make([*(torch.from_numpy(np.stack(part)) for part in row), torch.tensor(kinds)]) for row in rows]
        return Group(made, unreadable)

    def draw(self, rng: np.random.Generator, kind: int, unreadable: list[UnreadableError]) -> tuple[list[Sample], int]:
        """`GROUP` crops and their kind: in place of a picture that cannot be read those of another."""
        for _ in range(MAX_UNREADABLE):
            try:
                return self.source.draw(rng, kind, GROUP), kind
            except UnreadableError as error:
                unreadable.append(error)
                kind = int(rng.choice(len(self.source.weights), p=self.source.weights / self.source.weights.sum()))
        raise too_many(unreadable)


def too_many(unreadable: Iterable[UnreadableError]) -> DataError:
    named = "\n  ".join(dict.fromkeys(map(str, unreadable)))
    return DataError(f"too many pictures cannot be read, at most {MAX_UNREADABLE} may be left out:\n  {named}")


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
    ignore_signals()


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
) -> Generator[Batch, None, None]:
    """Endless batches from number `first` on, made by `workers` processes (0: by this one).

    batch: crops per step, of which each of `processes` gets an equal share; device: where a bank combines what was
    drawn, by default the CPU. A picture that cannot be read is said once and left out; raises DataError for more than
    MAX_UNREADABLE of them.
    """
    processes = processes or Processes()
    cv2.setNumThreads(1)  # processes are the parallelism; and those forked would wait for threads that they lack
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
    skip, left_out = first % GROUP, dict[Path, UnreadableError]()
    for group in loader:
        if isinstance(group, DataError):
            raise group
        for error in group.unreadable:
            if error.path not in left_out:
                left_out[error.path] = error
                say(f"left out, {len(left_out)} of at most {MAX_UNREADABLE}: {error}")
        if len(left_out) > MAX_UNREADABLE:
            raise too_many(left_out.values())
        yield from group.batches[skip:]
        skip = 0
