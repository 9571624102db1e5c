"""Latency and throughput by trtexec's convention: 200 ms of warm-up, then at least 10 runs and some seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.latency import PERCENTILES
from dim_trt import Engine

MIN_RUNS = 10
MIN_WARM_UPS = 3  # the second run of a size captures a CUDA graph
UNSTEADY = 0.025  # above this coefficient of variation trtexec warns


def clocked(run: Callable[[], Any]) -> Callable[[], float]:
    """How many milliseconds `run` takes, each time."""

    def once() -> float:
        begin = time.perf_counter()
        run()
        return (time.perf_counter() - begin) * 1e3

    return once


def sample(once_ms: Callable[[], float], seconds: float, warmup_s: float) -> list[float]:
    """What `once_ms` returns, over and over."""
    end = time.perf_counter() + warmup_s
    warm_ups = 0
    while warm_ups < MIN_WARM_UPS or time.perf_counter() < end:
        once_ms()
        warm_ups += 1
    times_ms: list[float] = []
    end = time.perf_counter() + seconds
    while len(times_ms) < MIN_RUNS or time.perf_counter() < end:
        times_ms.append(once_ms())
    return times_ms


def statistics(times_ms: list[float]) -> dict[str, Any]:
    """The fields of a latency record."""
    variation = float(np.std(times_ms) / np.mean(times_ms))
    return {
        "latency_ms": {f"p{p}": round(float(np.percentile(times_ms, p)), 4) for p in PERCENTILES},
        "mean_ms": round(float(np.mean(times_ms)), 4),
        "runs": len(times_ms),
        "coefficient_of_variation": round(variation, 4),
        "unsteady": variation > UNSTEADY,
    }


def throughput(engine: Engine, img: Any, trimap: Any, in_flight: int, seconds: float) -> dict[str, Any]:
    """Pictures a second with `in_flight` of them under way: by Engine.submit where there is one, else by threads."""
    submit = getattr(engine, "submit", None)
    if submit is not None:
        return {"by": "submit", **_pump(submit, img, trimap, in_flight, seconds)}
    with ThreadPoolExecutor(in_flight) as pool:
        run = lambda *arguments: pool.submit(engine.run, *arguments)  # noqa: E731
        return {"by": "threads", **_pump(run, img, trimap, in_flight, seconds)}


def _pump(submit: Callable[..., Any], img: Any, trimap: Any, in_flight: int, seconds: float) -> dict[str, Any]:
    waiting = deque(submit(img, trimap) for _ in range(in_flight))
    for _ in range(2 * in_flight):  # warm-up: every context has captured its graph
        waiting.popleft().result()
        waiting.append(submit(img, trimap))
    done, begin = 0, time.perf_counter()
    while done < MIN_RUNS or time.perf_counter() < begin + seconds:
        waiting.popleft().result()
        waiting.append(submit(img, trimap))
        done += 1
    elapsed = time.perf_counter() - begin
    for future in waiting:
        future.result()
    return {"in_flight": in_flight, "runs": done, "throughput_per_s": round(done / elapsed, 2)}
