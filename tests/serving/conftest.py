"""A service that listens, with a tiny network, and what asks it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import dim_trt
from dim_trt.serving.app import application
from dim_trt.serving.server import server_for
from dim_trt.serving.settings import Settings
from tests.support.stand_ins import SECONDS

QUICK = Settings(header_s=0.6, body_s=0.6, bytes_per_s=1e5)


@dataclass
class Running:
    """What listens."""

    port: int
    engine: dim_trt.Engine
    server: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Any:
        return httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False, **options)


Serve = Callable[..., Running]


@pytest.fixture(scope="module")
def serve(plan: Path) -> Iterator[Serve]:
    """Starts services, each with an engine of its own."""
    started: list[tuple[Running, threading.Thread]] = []

    def start(
        settings: Settings = QUICK,
        engine: dim_trt.Engine | None = None,
        auto: Any = None,
        port: int = 0,
        **changed: Any,
    ) -> Running:
        engine = engine or dim_trt.Engine(plan)
        settings = replace(settings, **changed)
        listening, ports = threading.Event(), list[int]()

        def heard(number: int) -> None:
            ports.append(number)
            listening.set()

        server = server_for(application(engine, settings, auto=auto), settings, port, heard)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert listening.wait(SECONDS)
        running = Running(ports[0], engine, server)
        started.append((running, thread))
        return running

    yield start
    for running, _ in started:
        running.server.should_exit = True
    for _, thread in started:
        thread.join(SECONDS)
        assert not thread.is_alive(), "the service does not stop"


@pytest.fixture(scope="module")
def running(serve: Serve) -> Running:
    return serve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module alone: while it runs, nothing else in the process can run an event loop."""
    from tests.serving.browsing import CHROMIUM

    with sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


@pytest.fixture(scope="module")
def shipped(serve: Serve) -> Running:
    """With the shipped model, and with patience."""
    return serve(engine=dim_trt.Engine("lite"), body_s=SECONDS, header_s=SECONDS)


@pytest.fixture
def page(browser: Browser, shipped: Running) -> Iterator[Page]:
    from tests.serving.browsing import visited

    yield from visited(browser, shipped)
