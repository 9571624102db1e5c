"""Where work waits for a thread: so many at a time, so many in the queue, and a word when it is full."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Receive

from dim_trt.errors import Busy, Error, InvalidInput
from dim_trt.serving.metrics import Metrics
from dim_trt.serving.refusals import Gone, Refusal

T = TypeVar("T")
STAGES = 3  # reading, matting and writing go on at the same time, each of another picture


class Desk:
    """Runs blocking work of requests in threads of its own; the event loop only waits.

    threads: how many pieces of work go on at a time.
    queue: how many there may be, those included.
    """

    def __init__(self, threads: int, queue: int, metrics: Metrics):
        self._threads, self._queue, self._metrics = threads, queue, metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dim_trt-serving")
        self._pending = 0
        self._seconds = 0.5  # that a piece of work takes, as measured lately
        self._lock = threading.Lock()

    @property
    def has_room(self) -> bool:
        return self._pending < self._queue

    def check_room(self) -> None:
        """Raises Refusal where the queue is full: before a body is read, too."""
        if not self.has_room:
            raise self._busy()

    async def do(self, work: Callable[[], T], receive: Receive) -> T:
        """What `work` returns. What nobody waits for any more is not begun.

        Raises:
            Refusal: the queue is full, or the work raised an error of dim_trt.
            Gone: the client has closed the connection.
        """
        self.check_room()
        self._pending += 1
        self._metrics.queue.set(self._pending)
        submitted = time.perf_counter()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._timed, work, submitted)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))  # when its thread is free again
        job = asyncio.wrap_future(future)
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait((job, leaving), return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                return job.result()
            job.cancel()
            raise Gone
        except Busy:
            raise self._busy() from None
        except InvalidInput as failure:
            raise Refusal(422, str(failure), "input") from failure
        except Error as failure:
            raise Refusal(500, str(failure), "engine") from failure
        except MemoryError:
            raise Refusal(413, "not enough memory for a picture of this size", "memory") from None
        finally:
            leaving.cancel()

    def close(self) -> None:
        """Waits for what runs."""
        self._pool.shutdown()

    def _timed(self, work: Callable[[], T], submitted: float) -> T:
        started = time.perf_counter()
        self._metrics.observe("wait", started - submitted)
        try:
            return work()
        finally:
            with self._lock:
                self._seconds += 0.2 * (time.perf_counter() - started - self._seconds)

    def _done(self) -> None:
        self._pending -= 1
        self._metrics.queue.set(self._pending)

    def _busy(self) -> Refusal:
        """With the time that what is pending will take, as measured."""
        seconds = max(1, math.ceil(self._seconds * self._pending / self._threads))
        sentence = f"the service is busy: {self._pending} requests are pending; try again in {seconds} s"
        return Refusal(503, sentence, "busy", {"Retry-After": str(seconds)})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
