"""Engines among threads, forks, signals and the interpreter's end."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt import foreground
from tests.support.pictures import random_picture
from tests.support.stand_ins import engine_on_gpu, in_thread

pytestmark = pytest.mark.public
SECONDS = 120.0  # more than anything here takes, also under a sanitizer
SIZES = [(33, 45), (51, 3), (97, 131), (64, 31), (7, 160)]


def python(code: str, *arguments: object, flags: tuple[str, ...] = ("-W", "error")) -> str:
    """What a new interpreter prints; it must end by itself and well, without a word on stderr."""
    setup = """
        import os, signal, sys, threading, time
        import numpy as np
        import dim_trt
        from dim_trt import foreground
        img = np.random.default_rng(0).integers(0, 256, (257, 301, 3), np.uint8)
        trimap = np.full(img.shape[:2], 128, np.uint8)
        trimap[:9] = 0

        def in_child(work):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                code = 1
                try:
                    work()
                    code = 0
                finally:
                    os._exit(code)
            return pid

        def ended_well(pid):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """
    program = textwrap.dedent(setup) + textwrap.dedent(code)
    command = [sys.executable, *flags, "-c", program, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.strip()


FORK = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")  # Python 3.12 warns of every fork with threads


def mixed_pictures() -> list[Any]:
    pictures = [random_picture(seed, *size) for seed, size in enumerate(SIZES)]
    for _, trimap in pictures:
        trimap[-1, -1] = 0  # all unknown is a warning
    return pictures


def all_well(workers: list[tuple[threading.Thread, list[BaseException]]]) -> None:
    for thread, errors in workers:
        thread.join(SECONDS)
        assert not thread.is_alive()
        assert not errors


def test_an_engine_has_no_more_threads_than_it_was_given(plan: Path) -> None:
    """Whatever it computes: the operating system's threads are looked at while it does."""
    count = """
        tasks = lambda: set(os.listdir("/proc/self/task"))
        before = tasks()
        options = dim_trt._core.EngineOptions()
        options.cpu.threads = 3
        engine = dim_trt._core.Engine(sys.argv[1], options)  # alone: OpenCV, which checks mattes, has threads, too
        engine.run(img, trimap)
        alpha = np.random.default_rng(0).random((2000, 300), np.float32)
        picture = np.zeros((2000, 300, 3), np.uint8)
        caller = threading.Thread(target=lambda: [engine.foreground(picture, alpha) for _ in range(3)])
        caller.start()
        seen = set()
        while caller.is_alive():
            seen |= tasks()
        print(len(seen - before))
    """
    assert python(count, plan) == "3"  # two of the engine, and the caller


@pytest.mark.parametrize("threads", [1, 2])
def test_one_engine_from_sixteen_threads(plan: Path, threads: int) -> None:
    engine = dim_trt.Engine(plan, threads=threads)
    pictures = mixed_pictures()
    expected = [engine.run(*picture) for picture in pictures]
    start = threading.Barrier(16)

    def work(first: int) -> None:
        start.wait(SECONDS)
        for k in range(10):
            n = (first + k) % len(pictures)
            np.testing.assert_array_equal(engine.run(*pictures[n]), expected[n])

    all_well([in_thread(lambda first=first: work(first)) for first in range(16)])


def test_engines_come_and_go_while_others_run(plan: Path) -> None:
    lasting = dim_trt.Engine(plan, threads=2)
    picture = random_picture(3, 61, 45)
    expected = lasting.run(*picture)
    stop = threading.Event()

    def come_and_go() -> None:
        for count in range(1, 9):
            with dim_trt.Engine(plan, threads=count % 3 + 1) as engine:
                future = engine.submit(*picture)
                np.testing.assert_array_equal(engine.run(*picture), expected)
                np.testing.assert_array_equal(future.result(SECONDS), expected)

    def keep_running() -> None:
        while not stop.is_set():
            np.testing.assert_array_equal(lasting.run(*picture), expected)

    runners = [in_thread(keep_running) for _ in range(4)]
    try:
        all_well([in_thread(come_and_go) for _ in range(4)])
    finally:
        stop.set()
        all_well(runners)


def test_a_run_and_foreground_colors_at_the_same_time(plan: Path) -> None:
    engine = dim_trt.Engine(plan, threads=2)
    img, trimap = random_picture(5, 97, 131)
    alpha = engine.run(img, trimap)
    expected = foreground.estimate(img, alpha, threads=2)

    def work() -> None:
        for _ in range(5):
            np.testing.assert_array_equal(engine.run(img, trimap), alpha)
            np.testing.assert_array_equal(foreground.estimate(img, alpha, threads=2), expected)

    all_well([in_thread(work) for _ in range(4)])


def test_fork_after_import(plan: Path) -> None:
    code = """
        pids = [in_child(lambda: dim_trt.Engine(sys.argv[1], threads=2).run(img, trimap)) for _ in range(4)]
        print(all(map(ended_well, pids)))
    """
    assert python(code, plan, flags=FORK) == "True"


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_fork_after_a_run(plan: Path, where: str) -> None:
    """The engine, with its threads left behind in the parent, works on in the child."""
    code = """
        engine = dim_trt.Engine(sys.argv[1], threads=3)
        expected = engine.submit(img, trimap).result()
        assert np.array_equal(engine.run(img, trimap), expected)
        foreground.estimate(img, expected, threads=3)

        def work():
            assert np.array_equal(engine.run(img, trimap), expected)
            assert np.array_equal(engine.submit(img, trimap).result(), expected)
            foreground.estimate(img, expected, threads=3)
            with dim_trt.Engine(sys.argv[1], threads=2) as other:
                assert np.array_equal(other.run(img, trimap), expected)
            try:
                engine.run(img, trimap[:-1])
            except dim_trt.InvalidInput:
                engine.close()
                return
            raise AssertionError("an error was lost")

        def fork():
            results.append(ended_well(in_child(work)))

        results = []
        if sys.argv[2] == "main thread":
            fork()
        else:
            thread = threading.Thread(target=fork)
            thread.start()
            thread.join()
        assert np.array_equal(engine.run(img, trimap), expected)  # the parent is as it was
        print(results)
    """
    assert python(code, plan, where, flags=FORK) == "[True]"


def test_fork_while_others_run(plan: Path) -> None:
    code = """
        engine = dim_trt.Engine(sys.argv[1], threads=2, max_concurrent=2)
        expected = engine.run(img, trimap)
        stop = threading.Event()

        def loop():
            while not stop.is_set():
                engine.run(img, trimap)
                engine.submit(img, trimap).result()

        def work():
            assert np.array_equal(engine.run(img, trimap), expected)
            assert np.array_equal(engine.submit(img, trimap).result(), expected)

        threads = [threading.Thread(target=loop) for _ in range(3)]
        for thread in threads:
            thread.start()
        pids = []
        for _ in range(12):
            time.sleep(0.01)
            pids.append(in_child(work))
        results = [ended_well(pid) for pid in pids]
        stop.set()
        for thread in threads:
            thread.join()
        print(all(results))
    """
    assert python(code, plan, flags=FORK) == "True"


def test_an_engine_on_a_gpu_refuses_to_be_used_in_a_fork(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = engine_on_gpu(plan)
    monkeypatch.setattr("os.getpid", lambda: engine._process + 1)
    for call in (engine.run, engine.submit, engine.profile):
        with pytest.raises(
            dim_trt.BackendUnavailable, match="CUDA does not survive a fork; make the Engine in the child"
        ):
            call(*random_picture(0, 3, 5))


def test_a_pool_of_multiprocessing_inherits_the_engine(plan: Path) -> None:
    code = """
        import multiprocessing
        engine = dim_trt.Engine(sys.argv[1], threads=2)
        expected = engine.run(img, trimap)

        def run(_):
            return engine.run(img, trimap)

        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(all(np.array_equal(alpha, expected) for alpha in pool.map(run, range(4))))
    """
    assert python(code, plan, flags=FORK) == "True"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Shells have SIGINT ignored by what they run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_long_run_can_be_interrupted(plan: Path) -> None:
    """The run is finished first; then the interrupt comes, and the engine is as it was."""
    engine = dim_trt.Engine(plan, threads=1)
    img = np.random.default_rng(0).integers(0, 256, (901, 899, 3), np.uint8)
    trimap = np.full(img.shape[:2], 128, np.uint8)
    trimap[:9] = 0
    small = random_picture(0, 33, 45)
    expected = engine.run(*small)
    begin = time.monotonic()
    engine.run(img, trimap)
    one_run = time.monotonic() - begin
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(one_run / 4)
        sent.append(time.monotonic())
        signal.pthread_kill(main.ident or 0, signal.SIGINT)

    main = threading.current_thread()
    timer = threading.Thread(target=interrupt)

    def run_on() -> None:
        for _ in range(100):
            engine.run(img, trimap)

    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_on()
    waited = time.monotonic() - sent[0]
    timer.join()
    assert waited < 5 * one_run + 1
    np.testing.assert_array_equal(engine.run(*small), expected)
    np.testing.assert_array_equal(engine.submit(*small).result(SECONDS), expected)


@pytest.mark.parametrize("daemon", [True, False])
def test_the_interpreter_ends_while_threads_run(plan: Path, daemon: bool) -> None:
    """Daemon threads are cut off wherever they are; others are waited for."""
    code = """
        engine = dim_trt.Engine(sys.argv[1], threads=2)
        daemon = sys.argv[2] == "True"

        def loop():
            for _ in range(10**9 if daemon else 3):
                engine.run(img, trimap)

        for _ in range(4):
            threading.Thread(target=loop, daemon=daemon).start()
        time.sleep(0.2)
        print("end")
    """
    for _ in range(2):
        assert python(code, plan, daemon) == "end"


def test_what_was_submitted_belongs_to_the_engine(plan: Path) -> None:
    """The caller lets go of its pictures at once, and others take their memory."""
    pictures = mixed_pictures()
    with dim_trt.Engine(plan, threads=1, max_concurrent=2) as engine:
        expected = [engine.run(*picture) for picture in pictures]
        futures: list[Any] = []

        def submit() -> None:
            for _ in range(6):
                for img, trimap in pictures:
                    futures.append((trimap.shape, engine.submit(img.copy(), trimap.copy())))
                    for noise in (img, trimap):
                        np.full_like(noise, 255)

        all_well([in_thread(submit) for _ in range(4)])
    by_size = {alpha.shape: alpha for alpha in expected}
    assert len(futures) == 4 * 6 * len(pictures)
    for shape, future in futures:
        np.testing.assert_array_equal(future.result(), by_size[shape])


def test_submit_without_a_thread_is_refused_and_loses_nothing(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no more threads."""
    engine = dim_trt.Engine(plan, threads=1, max_concurrent=2)
    img, trimap = random_picture(5, 33, 45)
    expected = engine.run(img, trimap)
    out = np.full_like(expected, -1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(5):  # more often than there is room
            with pytest.raises(RuntimeError, match="can't start new thread"):
                engine.submit(img, trimap, out)
    assert (engine.submit(img, trimap).result(SECONDS) == expected).all()
    engine.close()
    assert (out == -1).all(), "what was refused has run"


def test_submit_beyond_the_queue_waits_and_loses_nothing(plan: Path) -> None:
    engine = dim_trt.Engine(plan, threads=1, max_concurrent=2)
    pictures = mixed_pictures()
    expected = [engine.run(*picture) for picture in pictures]
    most = 0
    futures: list[Any] = []
    for k in range(60):
        futures.append(engine.submit(*pictures[k % len(pictures)]))
        most = max(most, sum(not future.done() for future in futures))
    assert most <= 2 * engine.max_concurrent
    for k, future in enumerate(futures):
        np.testing.assert_array_equal(future.result(SECONDS), expected[k % len(pictures)])
