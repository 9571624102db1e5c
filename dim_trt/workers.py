"""Threads that run calls in the order they came, with a bound on how many may wait."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from dim_trt.errors import Busy, InvalidInput

T = TypeVar("T")


class Workers:
    """Runs at most `count` calls at a time. Collected with work under way, or at the interpreter's exit, it finishes
    what it was given. A forked child begins with nothing to do: what was under way goes on in the parent alone."""

    def __init__(self, count: int):
        self._count = count
        self._closed = False
        self._start()
        _workers.add(self)

    def _start(self) -> None:
        self._room = threading.Semaphore(2 * self._count)
        self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="dim_trt")

    def submit(self, work: Callable[[], T], timeout_s: float | None = None) -> Future[T]:
        """Blocks while 2 * count calls are pending, at most so many seconds. Raises Busy, and InvalidInput after
        `close`."""
        room, held = self._room, [work]  # no reference to self: a future must not keep its engine
        if not room.acquire(timeout=None if timeout_s is None else min(timeout_s, threading.TIMEOUT_MAX)):
            if self._closed:
                raise closed()
            raise Busy(f"engine: {2 * self._count} runs are pending, which is all it takes; submit again later")
        try:
            if self._closed:
                raise closed()
            future = self._pool.submit(_take_and_run, held)
        except BaseException as error:  # RuntimeError where the system has no thread for it
            held.clear()  # else it would be run, where a thread is left, and nobody could wait for it
            room.release()
            if isinstance(error, RuntimeError) and self._closed:
                raise closed() from None
            raise

        def done(_: Future[Any]) -> None:
            held.clear()  # a call that was cancelled stays in the pool's queue; its pictures need not
            room.release()

        future.add_done_callback(done)
        return future

    def close(self) -> None:
        """Waits until everything that was submitted is done."""
        self._closed = True
        self._pool.shutdown()


_workers: weakref.WeakSet[Workers] = weakref.WeakSet()


def _start_all() -> None:
    for workers in _workers:
        workers._start()


os.register_at_fork(after_in_child=_start_all)


def closed() -> InvalidInput:
    """The error of every call to an engine that was closed."""
    return InvalidInput("engine: expected an open one, got one that was closed; make a new Engine")


def _take_and_run(held: list[Callable[[], T]]) -> T:
    return held.pop()()
