"""Engine.submit and Engine.close: order, bounds, errors, threads."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt.engine_options import check_backend
from tests.support.pictures import random_picture
from tests.support.stand_ins import (
    SECONDS,
    eventually,
    in_thread,
    numbered,
)

pytestmark = pytest.mark.public
IMG, TRIMAP = random_picture(0, 33, 45)


def test_submit_gives_what_run_gives(plan: Path) -> None:
    engine = dim_trt.Engine(plan)
    pictures = [random_picture(seed, 31 + seed, 67 - 3 * seed) for seed in range(6)]
    futures = [engine.submit(*picture) for picture in pictures]
    for picture, future in zip(pictures, futures, strict=True):
        np.testing.assert_array_equal(future.result(SECONDS), engine.run(*picture))
    out = np.empty(TRIMAP.shape, np.float32)
    assert engine.submit(IMG, TRIMAP, out).result(SECONDS) is out
    np.testing.assert_array_equal(out, engine.run(IMG, TRIMAP))


@pytest.mark.parametrize("max_concurrent", [1, 3])
def test_many_threads_may_submit(plan: Path, max_concurrent: int) -> None:
    engine = dim_trt.Engine(plan, threads=1, max_concurrent=max_concurrent)
    assert engine.max_concurrent == max_concurrent
    pictures = [random_picture(seed, 30 + seed, 57) for seed in range(5)]
    expected = [engine.run(*picture) for picture in pictures]

    def work() -> None:
        for _ in range(4):
            futures = [engine.submit(*picture) for picture in pictures]
            for future, alpha in zip(futures, expected, strict=True):
                np.testing.assert_array_equal(future.result(SECONDS), alpha)

    threads = [in_thread(work) for _ in range(6)]
    for thread, errors in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
        assert not errors


@pytest.mark.parametrize("max_concurrent", [1, 2])
def test_submit_blocks_while_twice_as_many_are_pending(slow: Any, max_concurrent: int) -> None:
    engine, core = slow(max_concurrent)
    futures = [engine.submit(*numbered(number)) for number in range(2 * max_concurrent)]
    thread, errors = in_thread(lambda: futures.append(engine.submit(*numbered(9))))
    thread.join(0.1)
    assert thread.is_alive()
    assert core.most == max_concurrent
    core.go.set()
    thread.join(SECONDS)
    assert not errors
    assert [int(future.result(SECONDS)[0, 0, 0]) for future in futures] == [*range(2 * max_concurrent), 9]
    assert core.most == max_concurrent
    assert sorted(core.started) == [*range(2 * max_concurrent), 9]


@pytest.mark.parametrize("timeout", [0, 0.0, 0.02])
def test_submit_says_that_it_is_busy(slow: Any, timeout: float) -> None:
    engine, core = slow(1)
    futures = [engine.submit(*numbered(number), timeout=timeout) for number in range(2)]
    img, trimap = numbered(2)
    alive = weakref.ref(img)
    for _ in range(3):  # what was refused takes no room
        start = time.monotonic()
        with pytest.raises(dim_trt.Busy, match="engine: 2 runs are pending, which is all it takes; submit again later"):
            engine.submit(img, trimap, timeout=timeout)
        assert timeout <= time.monotonic() - start < SECONDS / 2
    del img
    assert alive() is None
    core.go.set()
    assert [int(future.result(SECONDS)[0, 0, 0]) for future in futures] == [0, 1]
    assert engine.submit(*numbered(3), timeout=SECONDS).result(SECONDS) is not None
    assert core.started == [0, 1, 3]
    engine.close()
    with pytest.raises(dim_trt.InvalidInput, match="closed"):
        engine.submit(*numbered(4), timeout=0)


def test_submit_waits_for_room_as_long_as_it_may(slow: Any) -> None:
    engine, core = slow(1)
    futures = [engine.submit(*numbered(number)) for number in range(2)]
    thread, errors = in_thread(lambda: futures.append(engine.submit(*numbered(2), timeout=1e12)))
    thread.join(0.05)
    assert thread.is_alive()
    core.go.set()
    thread.join(SECONDS)
    assert not errors
    assert len([future.result(SECONDS) for future in futures]) == 3


def test_runs_start_in_order(slow: Any) -> None:
    engine, core = slow(1)
    core.go.set()
    futures = [engine.submit(*numbered(number)) for number in range(50)]
    assert [int(future.result(SECONDS)[0, 0, 0]) for future in futures] == list(range(50))
    assert core.started == list(range(50))


def test_a_cancelled_future_makes_room_and_lets_go_of_its_pictures(slow: Any) -> None:
    engine, core = slow(1)
    first = engine.submit(*numbered(0))
    eventually(lambda: core.running == 1)
    for number in range(1, 20):
        img, trimap = numbered(number)
        alive = weakref.ref(img)
        future = engine.submit(img, trimap)
        del img
        assert future.cancel()
        assert alive() is None
    core.go.set()
    assert first.result(SECONDS) is not None
    engine.close()
    assert core.started == [0]


def test_arrays_are_checked_at_once_and_sizes_by_the_future(plan: Path) -> None:
    engine = dim_trt.Engine(plan)
    for arguments, name in [
        ((IMG.astype(np.float32), TRIMAP), "img: expected dtype uint8"),
        ((IMG, IMG), "trimap: expected shape"),
        (([[0]], TRIMAP), "img: expected a numpy array"),
        ((IMG, TRIMAP, np.empty((1, 1), np.float32)), "out: expected shape"),
        ((IMG, TRIMAP, np.empty(TRIMAP.shape)), "out: expected dtype float32"),
    ]:
        for _ in range(3):  # more often than there is room: what is refused takes none
            with pytest.raises(dim_trt.InvalidInput, match=name):
                engine.submit(*arguments)  # type: ignore[arg-type]
    future = engine.submit(IMG, TRIMAP[:-1])
    assert isinstance(future.exception(SECONDS), dim_trt.InvalidInput)
    assert engine.submit(IMG, TRIMAP).result(SECONDS).shape == TRIMAP.shape


def test_close_waits_and_is_final(slow: Any) -> None:
    engine, core = slow(2)
    futures = [engine.submit(*numbered(number)) for number in range(4)]
    blocked, blocked_errors = in_thread(lambda: engine.submit(*numbered(4)))
    eventually(lambda: core.running == 2)
    closing, errors = in_thread(engine.close)
    closing.join(0.05)
    assert closing.is_alive()
    core.go.set()
    for thread in (closing, blocked):
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert not errors
    assert all(future.done() and future.exception() is None for future in futures)
    assert [type(error) for error in blocked_errors] == [dim_trt.InvalidInput]
    for call in (engine.submit, engine.run, engine.profile):
        with pytest.raises(dim_trt.InvalidInput, match="expected an open one, got one that was closed"):
            call(IMG, TRIMAP)
    engine.close()


def test_with_closes_and_frees_the_plan(plan: Path) -> None:
    with dim_trt.Engine(plan) as engine:
        future = engine.submit(IMG, TRIMAP)
    assert future.done()
    assert engine._core is None
    assert engine.info["backend"] == "cpu"
    assert "tiny.plan" in repr(engine)


def test_an_engine_without_owner_finishes_its_work(slow: Any) -> None:
    engine, core = slow(1)
    futures = [engine.submit(*numbered(number)) for number in range(2)]
    gone, core_gone, go = weakref.ref(engine), weakref.ref(core), core.go
    before = threading.active_count()
    del engine
    gc.collect()
    assert gone() is None
    go.set()
    assert [int(future.result(SECONDS)[0, 0, 0]) for future in futures] == [0, 1]
    eventually(lambda: threading.active_count() < before)
    del core
    gc.collect()
    assert core_gone() is None


def test_the_interpreter_exits_with_work_in_flight(plan: Path) -> None:
    code = (
        "import sys, numpy as np, dim_trt\n"
        "engine = dim_trt.Engine(sys.argv[1], threads=1, max_concurrent=2)\n"
        "trimap = np.full((701, 699), 128, np.uint8); trimap[0] = 0\n"
        "futures = [engine.submit(np.zeros((701, 699, 3), np.uint8), trimap) for _ in range(4)]\n"
        "print(sum(future.done() for future in futures))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, plan], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert int(run.stdout) < 4, "nothing was in flight"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Shells have SIGINT ignored by what they run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("waiting_for", ["room", "result"])
@pytest.mark.usefixtures("interruptible")
def test_waiting_can_be_interrupted(slow: Any, waiting_for: str) -> None:
    engine, core = slow(1)
    futures = [engine.submit(*numbered(number)) for number in range(2)]
    timer = threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _ = engine.submit(*numbered(2)) if waiting_for == "room" else futures[0].result()
    timer.join()
    core.go.set()
    assert engine.submit(*numbered(3)).result(SECONDS) is not None


def test_a_failed_run_raises_what_run_raises(slow: Any) -> None:
    engine, core = slow(1)
    core.run = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        engine.submit(*numbered(0)).result(SECONDS)


def test_arguments_are_checked(plan: Path) -> None:
    for count in (0, -1, True, 1.0, "2"):
        with pytest.raises(dim_trt.InvalidInput, match="max_concurrent: expected a whole number from 1"):
            dim_trt.Engine(plan, max_concurrent=count)  # type: ignore[arg-type]
    waiting: Any
    for waiting in (-1, -0.1, float("nan"), True, "1"):
        with pytest.raises(dim_trt.InvalidInput, match="timeout: expected a number of seconds from 0, or None to wait"):
            dim_trt.Engine(plan).submit(IMG, TRIMAP, timeout=waiting)
    with pytest.raises(dim_trt.InvalidInput, match="max_concurrent: expected 1 to 1024"):
        dim_trt.Engine(plan, max_concurrent=5000)
    with pytest.raises(dim_trt.InvalidInput, match="tensorrt: expected None, as the plan is one of the cpu backend"):
        dim_trt.Engine(plan, tensorrt=dim_trt.TensorRtRun())
    with pytest.raises(dim_trt.InvalidInput, match="threads: expected None, as the plan is one of the tensorrt"):
        check_backend("tensorrt", threads=2, tensorrt=dim_trt.TensorRtRun())
    with pytest.raises(dim_trt.InvalidInput, match="tensorrt: expected a TensorRtRun or None, got dict"):
        dim_trt.Engine(plan, tensorrt={})  # type: ignore[arg-type]
    with pytest.raises(dim_trt.InvalidInput, match="cuda_graphs: expected True or False, got 1"):
        dim_trt.TensorRtRun(cuda_graphs=1)  # type: ignore[arg-type]
    engine: Any = dim_trt.Engine(plan)
    frames: Any = []
    for arguments, message in [
        ((plan, frames), "engine: expected an Engine, got"),
        ((engine, 3), "frames: expected pairs"),
        ((engine, frames, 0), "lookahead: expected a whole number"),
        ((engine, frames, True), "lookahead: expected a whole number"),
    ]:
        with pytest.raises(dim_trt.InvalidInput, match=message):
            dim_trt.stream(*arguments)


def test_no_descriptor_or_thread_is_left_open(plan: Path) -> None:
    def use() -> tuple[int, int]:
        with dim_trt.Engine(plan, threads=1) as engine:
            engine.submit(IMG, TRIMAP).result(SECONDS)
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = use()
    for _ in range(20):
        after = use()
    assert after <= before
