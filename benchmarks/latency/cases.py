"""One case of `benchmarks.latency`: methods that are loaded, on one picture, with one number of threads."""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.latency.cold import measure_cold
from benchmarks.latency.exactness import errors, float32_alpha, float64_alpha, same_argmax
from benchmarks.measure import manifest, measure, percentiles, summary, take_turns
from benchmarks.methods import COMPILED, ENGINE, NETWORKS, PEERS, PYTORCH, Contender, Files, load
from benchmarks.networks import Network
from benchmarks.pictures import Picture
from benchmarks.records import Clock, Clocks, Latency, Score, Worth
from dim_trt.pictures.files import write_image
from dim_trt.scoring.metrics import sad

CLOCKS = tuple(field.name for field in fields(Clocks))
progress_bar = functools.partial(tqdm, leave=False, disable=None)


@dataclass
class Loaded:
    """A method and what loading it took; `first_run_s` is of its first picture, `last_run_s` of the last one."""

    method: Contender
    load_s: float
    first_run_s: float | None = None
    last_run_s: float = 0.0

    def run(self, picture: Picture) -> NDArray[np.float32]:
        begin = time.perf_counter()
        alpha = self.method.run(picture.img, picture.trimap)
        self.last_run_s = time.perf_counter() - begin
        if self.first_run_s is None:
            self.first_run_s = self.last_run_s
        return alpha


def load_methods(args: argparse.Namespace, files: Files, threads: int) -> dict[str, Loaded]:
    loaded = {}
    for name in args.methods:
        begin = time.perf_counter()
        method = load(name, files, threads)
        loaded[name] = Loaded(method, time.perf_counter() - begin)
    return loaded


def worth(args: argparse.Namespace, network: Network, methods: dict[str, Loaded], picture: Picture) -> dict[str, Worth]:
    """Of each method's alpha. What they are compared with, PyTorch, is run even if it is not timed."""
    alphas = {name: loaded.run(picture) for name, loaded in methods.items()}
    networks = {name: alpha for name, alpha in alphas.items() if name in NETWORKS}
    if PYTORCH not in networks:
        networks[PYTORCH] = float32_alpha(network.model, picture)
    reference = float64_alpha(network.model, picture) if args.float64 else None
    table = errors(networks, reference, picture.unknown)
    found = {name: table.get(name, Worth()) for name in alphas}
    if args.precision == "fp32":
        found[ENGINE] = replace(found[ENGINE], same_argmax=same_argmax(network.model, args.files.plan, picture))
    if picture.truth is not None:
        for name, score in scores({**networks, **alphas}, picture, picture.truth).items():
            if name in found:
                found[name] = replace(found[name], score=score)
    return found


def scores(alphas: dict[str, NDArray[np.float32]], picture: Picture, truth: NDArray[np.float32]) -> dict[str, Score]:
    """By method; the change of networks against PyTorch's."""
    sads = {name: sad(np.clip(alpha, 0, 1), truth, picture.trimap) for name, alpha in alphas.items()}
    return {
        name: Score(
            sad=round(value, 4),
            sad_change_percent=round(100 * (value / sads[PYTORCH] - 1), 3) if name in NETWORKS else None,
        )
        for name, value in sads.items()
    }


def latencies(args: argparse.Namespace, methods: dict[str, Loaded], picture: Picture) -> dict[str, list[float]]:
    """Milliseconds of each run, by method: `Engine.run`, and `compute` of the others."""
    runs = {}
    for name, loaded in methods.items():
        given = loaded.method.prepare(picture.img, picture.trimap)
        runs[name] = functools.partial(loaded.method.compute, given)
    warm_ms = {name: 1e3 * loaded.last_run_s for name, loaded in methods.items()}
    return measure(runs, args.seconds, args.min_runs, args.limit_s, warm_ms)


def clock_records(args: argparse.Namespace, methods: dict[str, Loaded], picture: Picture) -> dict[str, Clocks]:
    """Of each network the percentiles by clock, and the ratio of its median to the engine's."""
    with tempfile.TemporaryDirectory() as folder:
        image, trimap, output = (Path(folder, f"{name}.png") for name in ("image", "trimap", "alpha"))
        write_image(image, np.ascontiguousarray(picture.img[:, :, ::-1]))
        write_image(trimap, picture.trimap)
        once = {name: functools.partial(it.method.clocks, image, trimap, output) for name, it in methods.items()}
        samples = take_turns(once, args.seconds, args.min_runs, args.limit_s)
    times = {name: {clock: [sample[clock] for sample in own] for clock in CLOCKS} for name, own in samples.items()}
    ours = {clock: float(np.median(ms)) for clock, ms in times[ENGINE].items()}

    def of(clock: str, ms: list[float]) -> Clock:
        return Clock(**asdict(percentiles(ms)), ratio=round(float(np.median(ms)) / ours[clock], 3))

    return {
        name: Clocks(**{clock: of(clock, ms) for clock, ms in by_clock.items()}) for name, by_clock in times.items()
    }


def memory(args: argparse.Namespace, methods: Iterable[str], picture: Picture, threads: int) -> dict[str, int]:
    """Peak resident megabytes of a process that holds nothing but the method, by method."""
    names = progress_bar([name for name in methods if name != COMPILED], desc="memory")  # its compiler takes more
    return {name: measure_cold(name, args.files, threads, [picture], once=True).peak_memory_mb for name in names}


def records_of(
    args: argparse.Namespace, methods: dict[str, Loaded], picture: Picture, threads: int, worths: dict[str, Worth]
) -> Iterator[Latency]:
    taken = latencies(args, methods, picture)
    networks = {name: loaded for name, loaded in methods.items() if name in NETWORKS}
    clocks = clock_records(args, networks, picture) if args.clocks else {}
    peaks = memory(args, methods, picture, threads) if args.memory else {}
    ours = float(np.median(taken[ENGINE]))
    height, width = picture.trimap.shape
    for name, times in taken.items():
        yield Latency(
            engine=ENGINE,
            peer=name,
            model=args.model if name in NETWORKS else "none",
            picture=picture.name,
            precision=PEERS[name].precision or args.precision,
            height=height,
            width=width,
            unknown_fraction=round(float(picture.unknown.mean()), 4),
            threads=threads,
            times=summary(times),
            ratio=round(float(np.median(times)) / ours, 3),
            clocks_ms=clocks.get(name),
            build_s=round(args.build_s[name], 3) if name in args.build_s else None,
            load_s=round(methods[name].load_s, 3),
            first_run_s=round(methods[name].first_run_s or 0.0, 3),
            peak_memory_mb=peaks.get(name),
            worth=worths[name],
            made=manifest(seconds=args.seconds, min_runs=args.min_runs, limit_s=args.limit_s, seed=args.seed),
        )


def has_both(picture: Picture) -> bool:
    """Whether some foreground and a tenth of the picture are known: methods without a network need that."""
    return bool((picture.trimap == 255).any()) and float(picture.unknown.mean()) < 0.9
