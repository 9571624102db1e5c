"""Stages of work that overlap: each is a generator on a thread of its own, with a bounded queue behind it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator
from typing import TypeVar

from dim_trt.errors import Error

T = TypeVar("T")

LEAVE_S = 5.0  # how long a thread that waits in a system call, for a pipe's next byte say, is waited for
NO_THREADS = "the system allows no more threads (ulimit -u, or the container's limit)"
_END = object()


def ahead(items: Generator[T, None, None], depth: int, name: str) -> Generator[T, None, None]:
    """Yields what `items` yields, in order, while a thread goes on with at most `depth` further items.

    An error of `items` is raised in its place. Closing this generator stops the thread, which closes `items`; so a
    chain of stages is closed by closing the last. Nothing starts before the first item is asked for.

    Raises:
        Error: there can be no further thread.
    """
    done: queue.Queue[tuple[T | object, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | object, error: BaseException | None = None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                done.put((item, error), timeout=0.1)
                return

    def work() -> None:
        try:
            with contextlib.closing(items):
                for item in items:
                    put(item)
                    if stop.is_set():
                        return
        except BaseException as error:
            put(_END, error)
        else:
            put(_END)

    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as failure:
        raise Error(f"cannot begin {name}: {NO_THREADS}") from failure
    try:
        while True:
            item, error = done.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join(LEAVE_S)
