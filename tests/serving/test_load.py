"""A service that has more to do than it can: what is refused, what waits, what is finished."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import dim_trt
from tests.serving.conftest import Serve
from tests.serving.test_api import FILES, ask, sentence
from tests.support.stand_ins import SECONDS, SlowCore, eventually


def held_up(plan: Any) -> tuple[dim_trt.Engine, SlowCore]:
    """An engine whose runs wait until they may go."""
    engine, core = dim_trt.Engine(plan), SlowCore()
    wait, real = core.run, engine._core
    core.run = lambda *host: (wait(*host), real.run(*host))[1]  # type: ignore[method-assign, union-attr]
    engine._core = core  # type: ignore[assignment]
    return engine, core


def test_a_full_queue_is_said_at_once_and_what_waits_is_answered(serve: Serve, plan: Any) -> None:
    engine, core = held_up(plan)
    service = serve(engine=engine, queue=5)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(ask(service))) for _ in range(5)]
    for thread in threads:
        thread.start()
    with service.client() as client:
        eventually(lambda: "dim_trt_queue 5.0" in client.get("/metrics").text)
        started = time.monotonic()
        response = ask(service)
        assert time.monotonic() - started < SECONDS / 4
        assert "the service is busy: 5 requests are pending; try again in" in sentence(response, 503)
        assert int(response.headers["retry-after"]) >= 1
        assert sentence(client.get("/readyz"), 503)
        assert client.get("/healthz").json() == {"status": "alive"}
        core.go.set()
        for thread in threads:
            thread.join(SECONDS)
        assert [result.status_code for result in results] == [200] * 5
        eventually(lambda: client.get("/readyz").status_code == 200)
        text = client.get("/metrics").text
    assert 'dim_trt_refusals_total{reason="busy"} 2.0' in text
    assert 'dim_trt_requests_total{path="/v1/matte",status="200"} 5.0' in text
    assert 'dim_trt_stage_seconds_count{stage="run"} 5.0' in text


def test_what_nobody_waits_for_any_more_is_not_begun(serve: Serve, plan: Any) -> None:
    engine, core = held_up(plan)
    service = serve(engine=engine)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(ask(service))) for _ in range(3)]  # all that it has
    for thread in threads:
        thread.start()
    with service.client() as client:
        eventually(lambda: "dim_trt_queue 3.0" in client.get("/metrics").text)
        request = client.build_request("POST", "/v1/matte", files=FILES)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as leaving:
            leaving.sendall(f"POST /v1/matte HTTP/1.1\r\n{head}\r\n".encode() + request.read())
            eventually(lambda: "dim_trt_queue 4.0" in client.get("/metrics").text)
        eventually(lambda: "dim_trt_queue 3.0" in client.get("/metrics").text)
    core.go.set()
    for thread in threads:
        thread.join(SECONDS)
    assert [result.status_code for result in results] == [200] * 3
    assert len(core.started) == 3


def test_what_runs_is_finished_when_the_service_stops(serve: Serve, plan: Any) -> None:
    engine, core = held_up(plan)
    service = serve(engine=engine)
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(ask(service)))
    thread.start()
    eventually(lambda: core.running == 1)
    service.server.should_exit = True
    time.sleep(0.3)
    core.go.set()
    thread.join(SECONDS)
    assert [result.status_code for result in results] == [200]
    eventually(lambda: engine._core is None)
