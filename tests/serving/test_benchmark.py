"""What measures the service measures it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from benchmarks.serving import __main__ as benchmark
from benchmarks.serving.clients import Wish, load
from tests.serving.browsing import needs_chromium
from tests.serving.conftest import Running, Serve
from tests.serving.test_api import FILES
from tests.serving.test_load import held_up
from tests.serving.test_sources import bright
from tests.support.stand_ins import SECONDS

PATIENT = {"body_s": SECONDS, "header_s": SECONDS}
WISH = Wish(FILES)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def patient(serve: Serve) -> Running:
    return serve(auto=bright, **PATIENT)


def test_answers_are_counted_and_timed(patient: Running) -> None:
    measured = load(patient.url, WISH, 2, 0.5)
    with patient.client() as client:
        text = client.get("/metrics").text
    assert f'dim_trt_requests_total{{path="/v1/matte",status="200"}} {len(measured.ms)}.0' in text
    assert measured.refused == 0
    assert measured.seconds > 0.45
    assert 0 < np.sum(measured.ms) <= 2 * measured.seconds * 1e3


def test_refusals_are_counted_and_waited_for(serve: Serve, plan: Any) -> None:
    engine, core = held_up(plan)
    service = serve(engine=engine, queue=1, **PATIENT)
    threading.Timer(0.5, core.go.set).start()
    measured = load(service.url, WISH, 3, 1.2)
    assert measured.refused >= 2
    assert measured.seconds >= 1.0, "Retry-After"
    assert measured.ms


def test_what_is_no_answer_ends_it(patient: Running) -> None:
    with pytest.raises(RuntimeError, match="image: expected a picture's file"):
        load(patient.url, Wish({"trimap": FILES["trimap"]}), 2, 5.0)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=url):
            load(url, WISH, 2, 5.0)


def test_the_table_of_clients(capsys: pytest.CaptureFixture[str]) -> None:
    """With a service that is a process of its own, as the command starts it."""
    benchmark.main(["--size", "48x32", "--clients", "1", "2", "--seconds", "0.3"])
    alone, one, two = cells(capsys.readouterr().out)
    assert alone[0] == "`submit`, no service"
    assert [one[0], two[0]] == ["1 clients", "2 clients"]
    for row in (one, two):
        assert float(row[1]) > 0
        assert float(row[3].removesuffix(" ms")) >= float(row[2].removesuffix(" ms")) > 0
        assert row[4] == "0"
        assert float(row[5].removesuffix(" MB")) > 20


def standing_in(running: Running) -> Any:
    @contextmanager
    def service(*arguments: str) -> Iterator[tuple[str, int]]:
        assert arguments in ((), ("--auto", "u2netp.onnx"))
        yield running.url, 0

    return service


def test_the_table_beside_rembg(
    patient: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    class Rembg(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, b'name="file"' in body, b"u2netp" in body, b'name="a"' in body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(benchmark, "service", standing_in(patient))
    with ThreadingHTTPServer(("127.0.0.1", 0), Rembg) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        benchmark.main(["--rembg", url, "--auto", "u2netp.onnx", "--clients", "1", "2", "--seconds", "0.3"])
        server.shutdown()
    rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == [
        "rembg, u2netp, its alpha matting, 1 clients",
        *(f"{whose}, u2netp, {count} clients" for whose in ("rembg", "ours") for count in (1, 2)),
    ]
    assert all(float(row[1]) > 0 for row in rows)
    assert {entry[:3] for entry in asked} == {("/api/remove", True, True)}
    assert {entry[3] for entry in asked} == {True, False}


@needs_chromium
def test_the_table_of_strokes(
    patient: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "service", standing_in(patient))
    benchmark.main(["--clients", "--strokes", "300x200", "--count", "3"])
    at_once, slow = cells(capsys.readouterr().out)
    assert [at_once[:2], slow[:2]] == [["300×200", "at once"], ["300×200", "in 600 ms"]]
    for row in (at_once, slow):
        seen, _, around, _ = (float(cell.removesuffix(" ms")) for cell in row[2:6])
        assert 0 < seen <= around
        assert row[6] == "3"
    with patient.client() as client:
        text = client.get("/metrics").text
    strokes = text.partition('path="/v1/pictures/{id}/trimap",status="200"} ')[2].split()[0]
    assert float(strokes) >= 2 * (3 + 3), "they got to the service"
