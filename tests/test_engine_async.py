"""Engine.submit, Engine.close and dim_trt.stream: order, bounds, errors, threads."""

from __future__ import annotations

import gc
import itertools
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import dim_trt
from tests.support.networks import random_picture
from tests.support.tiny_graphs import tiny_dim

SECONDS = 20.0  # more than anything here takes
IMG, TRIMAP = random_picture(0, 33, 45)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("async")
    onnx.save(tiny_dim(), folder / "tiny.onnx")
    dim_trt.build_plan(folder / "tiny.onnx", folder / "tiny.plan", backend="cpu")
    return folder / "tiny.plan"


class SlowCore:
    """Stands in for the C++ engine: a run lasts until `go` is set, and returns its image."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.started: list[int] = []  # first pixel of each image
        self.running = self.most = 0

    def run(self, img: Any, _trimap: Any, _out: Any) -> Any:
        with self.lock:
            self.started.append(int(img[0, 0, 0]))
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.go.wait(SECONDS)
        with self.lock:
            self.running -= 1
        return img


@pytest.fixture
def slow(plan: Path) -> Iterator[Callable[[int], tuple[dim_trt.Engine, SlowCore]]]:
    cores: list[SlowCore] = []

    def make(max_concurrent: int) -> tuple[dim_trt.Engine, SlowCore]:
        engine, core = dim_trt.Engine(plan, max_concurrent=max_concurrent), SlowCore()
        engine._core = core  # type: ignore[assignment]
        cores.append(core)
        return engine, core

    yield make
    for core in cores:
        core.go.set()


def numbered(number: int) -> tuple[Any, Any]:
    return np.full((3, 5, 3), number, np.uint8), np.full((3, 5), 128, np.uint8)


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


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
    slow.__closure__[0].cell_contents.clear()  # the fixture's list
    del core
    gc.collect()
    assert core_gone() is None


def test_the_interpreter_exits_with_work_in_flight(plan: Path) -> None:
    code = (
        "import sys, numpy as np, dim_trt\n"
        "engine = dim_trt.Engine(sys.argv[1], threads=1, max_concurrent=2)\n"
        "trimap = np.full((301, 299), 128, np.uint8); trimap[0] = 0\n"
        "futures = [engine.submit(np.zeros((301, 299, 3), np.uint8), trimap) for _ in range(4)]\n"
        "print(sum(future.done() for future in futures))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, plan], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert int(run.stdout) < 4, "nothing was in flight"


@pytest.mark.parametrize("waiting_for", ["room", "result"])
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


def test_stream_is_run_in_order(plan: Path) -> None:
    engine = dim_trt.Engine(plan, threads=1, max_concurrent=2)
    pictures = [random_picture(seed, 30 + seed % 4, 61) for seed in range(12)]
    for lookahead in (None, 1, 3, 100):
        results = list(dim_trt.stream(engine, iter(pictures), lookahead))
        assert len(results) == len(pictures)
        for (img, alpha), picture in zip(results, pictures, strict=True):
            assert img is picture[0]
            np.testing.assert_array_equal(alpha, engine.run(*picture))
    assert list(dim_trt.stream(engine, [])) == []


def test_stream_looks_ahead_so_far_and_no_further(slow: Any) -> None:
    engine, core = slow(2)
    core.go.set()
    for lookahead in (1, 2, 5):
        pulled = 0

        def frames() -> Iterator[tuple[Any, Any]]:
            nonlocal pulled
            for number in itertools.count():
                pulled += 1
                yield numbered(number % 256)

        results = dim_trt.stream(engine, frames(), lookahead)
        for yielded in range(1, 40):
            assert int(next(results)[0][0, 0, 0]) == yielded - 1
            assert yielded < pulled <= yielded + lookahead, "one more must run while the caller works"
        results.close()  # type: ignore[attr-defined]
        before = pulled
        assert list(results) == []
        assert pulled == before


def test_stream_runs_several_at_a_time(slow: Any) -> None:
    engine, core = slow(3)
    results = dim_trt.stream(engine, (numbered(number) for number in range(9)))
    thread, errors = in_thread(lambda: next(results))
    eventually(lambda: core.running == 3)
    core.go.set()
    thread.join(SECONDS)
    assert not errors
    assert len(list(results)) == 8
    assert core.most == 3


@pytest.mark.parametrize("lookahead", [1, 2, 7])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (None, OSError, "the camera is gone"),
        ((IMG.astype(np.int16), TRIMAP), dim_trt.InvalidInput, "img: expected dtype uint8"),
        ((IMG, TRIMAP[:-1]), dim_trt.InvalidInput, "trimap: expected the image's height and width"),
        (IMG, dim_trt.InvalidInput, r"frames: expected pairs \(img, trimap\), got ndarray"),
    ],
    ids=["source", "dtype", "size", "not a pair"],
)
def test_stream_raises_an_error_in_its_place(
    plan: Path, bad: Any, error: type[Exception], message: str, lookahead: int
) -> None:
    def frames() -> Iterator[Any]:
        yield from [(IMG, TRIMAP)] * 3
        if bad is None:
            raise OSError("the camera is gone")
        yield bad
        yield from [(IMG, TRIMAP)] * 2

    results = dim_trt.stream(dim_trt.Engine(plan, threads=1), frames(), lookahead)
    for _ in range(3):
        assert next(results)[1].shape == TRIMAP.shape
    with pytest.raises(error, match=message):
        next(results)
    assert list(results) == []


def test_stream_closed_early_waits_for_what_runs(slow: Any) -> None:
    engine, core = slow(1)
    slowly = core.run
    core.run = lambda img, *others: slowly(img, *others) if img.any() else img  # the first frame is done at once
    results = dim_trt.stream(engine, (numbered(number) for number in range(100)), 2)
    next(results)
    eventually(lambda: core.running == 1)
    closing, errors = in_thread(results.close)  # type: ignore[attr-defined]
    closing.join(0.05)
    assert closing.is_alive()
    core.go.set()
    closing.join(SECONDS)
    assert not errors
    assert core.running == 0
    assert core.started == [1]


def test_stream_of_a_closed_engine(plan: Path) -> None:
    engine = dim_trt.Engine(plan)
    results = dim_trt.stream(engine, itertools.repeat((IMG, TRIMAP)))
    next(results)
    engine.close()
    with pytest.raises(dim_trt.InvalidInput, match="was closed"):
        list(results)


def test_a_failed_run_raises_what_run_raises(slow: Any) -> None:
    engine, core = slow(1)
    core.run = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        engine.submit(*numbered(0)).result(SECONDS)


def test_arguments_are_checked(plan: Path) -> None:
    for count in (0, -1, True, 1.0, "2"):
        with pytest.raises(dim_trt.InvalidInput, match="max_concurrent: expected a whole number from 1"):
            dim_trt.Engine(plan, max_concurrent=count)  # type: ignore[arg-type]
    with pytest.raises(dim_trt.InvalidInput, match="max_concurrent: expected 1 to 1024"):
        dim_trt.Engine(plan, max_concurrent=5000)
    with pytest.raises(dim_trt.InvalidInput, match="tensorrt: expected None, as the plan is one of the cpu backend"):
        dim_trt.Engine(plan, tensorrt=dim_trt.TensorRtRun())
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
