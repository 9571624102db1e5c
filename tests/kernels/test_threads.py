"""The engine's own threads: shared between runs, gone with the engine."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import dim_trt
from tests.support.networks import random_picture
from tests.support.testing import _testing

SECONDS = 60
TASKS = Path("/proc/self/task")
IMG, TRIMAP = random_picture(1, 131, 197)


@pytest.fixture(name="plan")
def fixture_plan(lite: Path) -> Path:
    """Of the shipped weights, whose steps are large enough to be shared out."""
    return lite


def conv(threads: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32, 37, 61)).astype(np.float32)
    weight = rng.standard_normal((48, 32, 3, 3)).astype(np.float32)
    return _testing.conv2d(x, weight, np.zeros(48, np.float32), algorithm="winograd", threads=threads)


def test_more_callers_than_places_for_loops_get_the_same_results(plan: Path) -> None:
    """Each call has threads of its own; the engine's are shared by more runs than it has places to post a loop."""
    engine = dim_trt.Engine(plan, device="cpu", threads=3)
    expected = engine.run(IMG, TRIMAP)
    start = threading.Barrier(20)

    def run(_: int) -> list[np.ndarray]:
        start.wait(SECONDS)
        return [engine.run(IMG, TRIMAP) for _ in range(3)]

    with ThreadPoolExecutor(20) as pool:
        for alphas in pool.map(run, range(20), timeout=SECONDS):
            for alpha in alphas:
                np.testing.assert_array_equal(alpha, expected)


@pytest.mark.parametrize("threads", [1, 2, 3, 17])
@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 16, 18, 1000])
def test_every_job_is_done_once(jobs: int, threads: int) -> None:
    for _ in range(20):
        done = _testing.loop_threads([0] * jobs, threads=threads)
        assert [len(by) for by in done] == [1] * jobs
        assert all(0 <= by[0] < threads for by in done)


def test_a_thread_does_neighbouring_jobs() -> None:
    """Of equal ones nearly all: a worker that starts late finds that the last of its share are taken."""
    jobs, threads = 90, 3
    done = [by for (by,) in _testing.loop_threads([5] * jobs, threads=threads)]
    own = [job * threads // jobs for job in range(jobs)]
    assert sum(by == expected for by, expected in zip(done, own, strict=True)) > 0.6 * jobs


def test_nobody_waits_for_jobs_that_a_slow_thread_has_not_begun() -> None:
    done = _testing.loop_threads([1000] + [1] * 29, threads=2)
    assert done[0] == [0]
    assert done[1:] == [[1]] * 29


@pytest.mark.parametrize("threads", [2, 3, 17])
def test_many_short_loops_end(threads: int) -> None:
    expected = conv(1)
    for _ in range(50):
        np.testing.assert_array_equal(conv(threads), expected)


@pytest.mark.skipif(not TASKS.exists(), reason="threads are counted in Linux's /proc")
def test_threads_start_when_needed_and_end_with_the_engine(plan: Path) -> None:
    def tasks() -> int:
        return len(list(TASKS.iterdir()))

    conv(1)
    gc.collect()
    before = tasks()
    engine = dim_trt.Engine(plan, device="cpu", threads=5)
    assert tasks() == before
    engine.run(IMG, TRIMAP)
    assert tasks() == before + 4
    engine.run(IMG, TRIMAP)
    assert tasks() == before + 4
    del engine
    gc.collect()
    assert tasks() == before
