"""What others may try: the service says one sentence, and goes on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.serving.conftest import QUICK, Running, Serve
from tests.serving.pictures import img, png, trimap
from tests.serving.test_api import FILES, ask, sentence
from tests.support.stand_ins import SECONDS, eventually

TOKEN = "a-token-of-32-characters-or-more"
POST = b"POST /v1/matte HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@contextmanager
def connection(running: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS) as plain:
        yield plain


def answer(plain: socket.socket) -> tuple[int, str]:
    """Status and sentence of a response after which the service closes."""
    data = b""
    while chunk := plain.recv(1 << 16):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["error"]


@pytest.fixture(autouse=True)
def _lives(running: Running) -> Iterator[None]:
    """Whatever was tried, the next one is served."""
    yield
    eventually(
        lambda: ask(running).status_code == 200
    )  # where this machine is busy, it may be too slow for the service


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (POST + b"Content-Length: 1000\r\n\r\n--x\r\nContent-Dispo", 408, "its body did not arrive in"),
        (POST + b"Content-Length: 10737418240\r\n\r\n", 413, "the request is too large: expected at most 64 MiB"),
        (POST + b"Content-Length: 99999999999999999\r\n\r\n", 413, "the request is too large"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "the request cannot be read"),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\n", 408, "its body did not arrive in"),
        (b"GET / HTTP/1.1\r\nHost: loc", 408, "its head did not arrive in"),
        (b"", 408, "its head did not arrive in"),
        (b"hello\r\n\r\n", 400, "the request cannot be read"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n", 400, "the request cannot be read"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, 400, "a head of at most 64 KiB"),
    ],
)
def test_requests_that_are_none(running: Running, sent: bytes, status: int, said: str) -> None:
    with connection(running) as plain:
        plain.sendall(sent)
        got, text = answer(plain)
    assert got == status
    assert said in text


def test_who_sends_too_much_still_reads_why(serve: Serve) -> None:
    small = serve(max_body_bytes=1 << 20)
    with small.client() as client:
        response = client.post("/v1/matte", files={"image": ("a.png", b"x" * (9 << 20))})
        assert "expected at most 1 MiB" in sentence(response, 413)


def test_a_body_without_end_is_left_at_the_limit(serve: Serve) -> None:
    small = serve(max_body_bytes=1 << 20)
    with connection(small) as plain:
        plain.sendall(POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        with suppress(OSError):  # it closes
            for _ in range(10_000):
                plain.sendall(piece)
                sent += len(piece)
                time.sleep(0.001)
        assert (1 << 20) <= sent < 10_000 * len(piece)
    assert ask(small).status_code == 200


def test_a_client_that_leaves_is_no_failure(running: Running) -> None:
    for sent in (POST + b"Content-Length: 1000\r\n\r\n--x", b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n", b""):
        with connection(running) as plain:
            plain.sendall(sent)
    with running.client() as client:
        assert client.get("/healthz").status_code == 200


def test_a_hundred_slow_clients_hold_nobody_up(running: Running) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connection(running)) for _ in range(100)]
        for number, plain in enumerate(slow):
            plain.sendall(POST[: 20 + number] if number % 2 else POST + b"Content-Length: 100000\r\n\r\n--x")
        started = time.monotonic()
        assert ask(running).status_code == 200
        assert time.monotonic() - started < SECONDS / 4
        said = [answer(plain) for plain in slow]
    assert {status for status, _ in said} == {408}
    assert all("too slow" in text for _, text in said)


def test_a_client_that_does_not_read_is_left(serve: Serve) -> None:
    service = serve(send_s=0.3)
    with service.client() as client:
        data = png(img(2000, 2000))  # more than the buffers of a connection hold
        name = client.post("/v1/pictures", files={"image": ("a.png", data)}).json()["id"]
        with connection(service) as plain:
            plain.sendall(f"GET /v1/pictures/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            own = plain.getsockname()[1]

            def is_held() -> bool:
                return any(one.client[1] == own for one in service.server.server_state.connections.copy())

            eventually(is_held)
            eventually(lambda: not is_held())
            received = 0
            with suppress(OSError):
                while chunk := plain.recv(1 << 16):
                    received += len(chunk)
        assert 0 < received < len(data)
        assert client.get("/healthz").status_code == 200


def test_more_connections_than_it_takes(serve: Serve) -> None:
    service = serve(connections=5, header_s=SECONDS)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connection(service))
        time.sleep(0.2)
        with connection(service) as plain:
            status, text = answer(plain)
        assert (status, "as many connections as it takes" in text) == (503, True)
    time.sleep(0.2)
    assert ask(service).status_code == 200


def test_memory_of_all_bodies_together(serve: Serve) -> None:
    service = serve(max_body_bytes=1 << 20, body_s=SECONDS)
    with ExitStack() as stack:
        for _ in range(4):
            plain = stack.enter_context(connection(service))
            plain.sendall(POST + b"Content-Length: 1048576\r\n\r\n" + b"x" * ((1 << 20) - 9))
        time.sleep(0.5)
        assert "as it has memory for" in sentence(ask(service), 503)
    time.sleep(0.5)
    assert ask(service).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.168.0.3", "", "127.0.0.1@evil.example", "[::"]
)
def test_other_hosts_names(running: Running, host: str) -> None:
    with running.client() as client:
        for path in ("/", "/v1/info", "/metrics"):
            assert "Host: expected a name that this service has" in sentence(
                client.get(path, headers={"Host": host}), 421
            )


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000"])
def test_own_names(running: Running, host: str) -> None:
    with running.client() as client:
        assert client.get("/v1/info", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites(running: Running, headers: Any) -> None:
    with running.client() as client:
        assert "Origin: expected" in sentence(client.post("/v1/matte", files=FILES, headers=headers), 403)
        assert "Origin: expected" in sentence(client.get("/v1/info", headers=headers), 403)
        assert client.post("/v1/matte", files=FILES, headers={"Origin": running.url}).status_code == 200


def test_the_token(serve: Serve) -> None:
    service = serve(token=TOKEN)
    with service.client() as client:
        for shown in (None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"bearer{TOKEN}", "Bearer ümlaut"):
            headers = {} if shown is None else {b"Authorization": shown.encode("latin-1")}
            for path in ("/v1/info", "/metrics", "/v1/pictures/x"):
                response = client.get(path, headers=headers)
                assert "Authorization: expected 'Bearer TOKEN'" in sentence(response, 401)
                assert response.headers["www-authenticate"] == "Bearer"
            assert sentence(client.post("/v1/matte", files=FILES, headers=headers), 401)
        assert client.get("/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/healthz").status_code == 200


def test_on_another_address_names_are_checked_and_addresses_are_not(serve: Serve) -> None:
    service = serve(QUICK, host="0.0.0.0", token=TOKEN, names=frozenset({"matte.example"}))
    with service.client(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for host, status in [("192.168.0.3:8000", 200), ("matte.example", 200), ("evil.example", 421)]:
            assert client.get("/v1/info", headers={"Host": host}).status_code == status


def test_nothing_of_pictures_is_logged(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with running.client() as client:
        name = client.post("/v1/pictures", files={"image": ("secret.png", FILES["image"])}).json()["id"]
        client.get(f"/v1/pictures/{name}?secret=1")
        client.post("/v1/trimap", files={"trimap": ("secret.png", png(trimap()))})
        client.get("/secret")
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("dim_trt", "uvicorn")))
    assert "GET /v1/pictures/{id} 200" in said
    assert "secret" not in said
    assert name not in said
