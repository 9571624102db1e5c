"""Clients that ask for alpha, each one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx


@dataclass
class Load:
    """ms: of each request that was answered."""

    ms: list[float] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Wish:
    """A request: where it goes, its files and its other fields."""

    files: Mapping[str, bytes]
    fields: Mapping[str, str] = field(default_factory=dict)
    path: str = "v1/matte"


def load(url: str, wish: Wish, clients: int, seconds: float) -> Load:
    """So many clients at a time for so many seconds, each once at least.

    Raises RuntimeError for an answer that is neither, or none.
    """
    made, lock, wrong = Load(), threading.Lock(), list[str]()
    ready = threading.Barrier(clients + 1)  # what making a client takes is not measured

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
            ready.wait()
            start = time.perf_counter()
            while True:
                begin = time.perf_counter()
                try:
                    answer = client.post(wish.path, files=wish.files, data=wish.fields)
                except httpx.HTTPError as failure:
                    with lock:
                        wrong.append(f"{url}: {failure}")
                    return
                ms = (time.perf_counter() - begin) * 1e3
                with lock:
                    if answer.status_code == 200:
                        made.ms.append(ms)
                    elif answer.status_code == 503:
                        made.refused += 1
                    else:
                        wrong.append(answer.text)
                if answer.status_code == 503:
                    time.sleep(float(answer.headers["Retry-After"]))
                if wrong or time.perf_counter() - start >= seconds:
                    return

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(wrong[0])
    made.seconds = time.perf_counter() - start
    return made
