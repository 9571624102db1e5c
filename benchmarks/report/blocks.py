"""The tables by the names that pages give them. Each function is one block of Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.report.best import BEST, best
from benchmarks.report.capacity import MEMORY, THROUGHPUT, memory, throughput
from benchmarks.report.peers import ON_A_SCENE, PEERS, THREADS, clocks, peers, threads
from benchmarks.report.quality import ALPHAMATTING, DRAWN, precision, quality, quality_scenes, shipped
from benchmarks.report.speed import STEPS, speed
from benchmarks.result_files import Results


class Block(NamedTuple):
    """`steps`: of which one must have been measured."""

    steps: tuple[str, ...]
    text: Callable[[Results], str]


BLOCKS = {
    "quality": Block((ALPHAMATTING, DRAWN), quality),
    "quality of scenes": Block((DRAWN,), quality_scenes),
    "speed": Block(STEPS, speed),
    "memory": Block(MEMORY, memory),
    "precision": Block((ALPHAMATTING,), precision),
    "shipped": Block((ALPHAMATTING,), shipped),
    "clocks": Block((ON_A_SCENE,), clocks),
    "best": Block(BEST, best),
    "peers": Block(PEERS, peers),
    "threads": Block((THREADS,), threads),
    "throughput": Block((THROUGHPUT,), throughput),
}
