"""Processes that fill a ring ahead of the training that uses it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable

import cv2
from tqdm import tqdm

from training.data.ring import Ring
from training.data.samples import DataError
from training.stopping import ignore_signals

PAUSE_S = 0.02  # between looks at what others do


def paint_ahead(ring: Ring, first: int, step: int, parent: int) -> None:
    """Every `step`th number from `first` on, as slots become free; until the parent ends."""
    ignore_signals()
    cv2.setNumThreads(1)  # the processes are the parallelism
    for number in itertools.count(first, step):
        while not ring.free(number):
            time.sleep(PAUSE_S)
            if os.getppid() != parent:
                return
        ring.paint(number)
        if os.getppid() != parent:
            return


class Painters:
    """`count` processes; 0: this one paints whatever is waited for."""

    def __init__(self, ring: Ring, count: int):
        self.ring, self.count = ring, count
        self.processes: list[multiprocessing.process.BaseProcess] = []

    def start(self, first: int, layers: int, cores: int) -> None:
        """Fills the ring with `layers` numbers from `first` on, on all cores; then `count` processes paint ahead."""
        self.ring.oldest[0] = first
        if not self.count:
            return
        if not self.ring.holds_all(first, first + layers):
            self._begin(first, max(cores, self.count))
            with tqdm(total=layers, unit="layer", desc="drawing layers", disable=None, leave=False) as bar:
                self.wait(first, first + layers, lambda done: bar.update(done - bar.n))
            self.stop()
        self._begin(first, self.count)

    def _begin(self, first: int, count: int) -> None:
        context = multiprocessing.get_context("fork")  # they share the mapped file, and load nothing
        for index in range(count):
            arguments = (self.ring, first + index, count, os.getpid())
            process = context.Process(target=paint_ahead, args=arguments, daemon=True)
            process.start()
            self.processes.append(process)

    def wait(self, first: int, end: int, tell: Callable[[int], object] | None = None) -> None:
        """Until numbers `first` to `end` are there. Raises DataError if who paints them has ended."""
        for number in range(first, end):
            if not self.count:
                self.ring.paint(number)
            while not self.ring.holds(number):
                ended = next((process for process in self.processes if not process.is_alive()), None)
                if ended is not None and not self.ring.holds(number):
                    raise DataError(f"a process that draws layers ended (exit code {ended.exitcode}); was there memory "
                                    "for it? --resume goes on")  # fmt: skip
                time.sleep(PAUSE_S)
            if tell is not None:
                tell(number + 1 - first)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()  # which it cannot miss; a layer that is half drawn does not count
        for process in self.processes:
            process.join()
        self.processes.clear()
