"""Latency and throughput by trtexec's convention: 200 ms of warm-up, then at least 10 runs and some seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from benchmarks.pictures import Picture
from dim_trt import Engine

WARM_UP_S = 0.2
MIN_RUNS, REHEARSAL_RUNS = 10, 2
MIN_WARM_UPS = 3  # the second run of a size captures a CUDA graph


def clocked(run: Callable[[], Any]) -> Callable[[], float]:
    """How many milliseconds `run` takes, each time."""

    def once() -> float:
        begin = time.perf_counter()
        run()
        return (time.perf_counter() - begin) * 1e3

    return once


def sample(once_ms: Callable[[], float], seconds: float) -> list[float]:
    """What `once_ms` returns, over and over; seconds=0 is a rehearsal."""
    end = time.perf_counter() + (WARM_UP_S if seconds else 0)
    warm_ups = 0
    while warm_ups < MIN_WARM_UPS or time.perf_counter() < end:
        once_ms()
        warm_ups += 1
    times_ms: list[float] = []
    end, runs = time.perf_counter() + seconds, _min_runs(seconds)
    while len(times_ms) < runs or time.perf_counter() < end:
        times_ms.append(once_ms())
    return times_ms


def throughput(engine: Engine, picture: Picture, in_flight: int, seconds: float) -> tuple[int, float]:
    """(runs, pictures a second) with `in_flight` of them submitted."""
    waiting = deque(engine.submit(picture.img, picture.trimap) for _ in range(in_flight))
    for _ in range(2 * in_flight):  # warm-up: every context has captured its graph
        waiting.popleft().result()
        waiting.append(engine.submit(picture.img, picture.trimap))
    done, begin, runs = 0, time.perf_counter(), _min_runs(seconds)
    while done < runs or time.perf_counter() < begin + seconds:
        waiting.popleft().result()
        waiting.append(engine.submit(picture.img, picture.trimap))
        done += 1
    elapsed = time.perf_counter() - begin
    for future in waiting:
        future.result()
    return done, round(done / elapsed, 2)


def _min_runs(seconds: float) -> int:
    return MIN_RUNS if seconds else REHEARSAL_RUNS
