"""Trimaps of the picture alone, and files that are damaged: what the service does with them, and what it says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import masks
from dim_trt.errors import InvalidInput
from dim_trt.pictures import quantize_alpha
from dim_trt.pictures.limit import Limits
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import img, jpeg, pixels, png, trimap
from tests.serving.test_api import ask, sentence

U8 = NDArray[np.uint8]
HEIGHT, WIDTH = 97, 131


def discs(*circles: tuple[int, int, int]) -> U8:
    """Bright discs (x, y, radius) on the dark, with some noise."""
    made = np.full((HEIGHT, WIDTH, 3), (60, 30, 20), np.uint8)
    for x, y, radius in circles:
        cv2.circle(made, (x, y), radius, (120, 220, 255), -1)
    return np.asarray(cv2.add(made, np.random.default_rng(1).integers(0, 9, made.shape, np.uint8)), np.uint8)


ONE, TWO, NONE = discs((60, 50, 30)), discs((40, 50, 28), (105, 40, 15)), discs()


def bright(picture: U8, /) -> NDArray[np.float32]:
    """Stands in for a network: what is bright is the object."""
    return np.asarray(cv2.GaussianBlur((picture[:, :, 2] > 128).astype(np.float32), (0, 0), 2), np.float32)


@pytest.fixture(scope="module")
def finding(serve: Serve) -> Running:
    """A service that finds what is bright."""
    return serve(auto=bright)


def note(response: Any) -> str:
    assert response.status_code in (200, 201), response.text
    return unquote(response.headers.get("x-note", ""))


# of the picture alone


@pytest.mark.parametrize(("auto", "largest"), [("all", False), ("largest", True)])
@pytest.mark.parametrize("passes", [1, 2])
def test_alpha_is_that_of_automatic(finding: Running, auto: str, largest: bool, passes: int) -> None:
    response = ask(finding, files={"image": png(TWO)}, auto=auto, auto_passes=str(passes))
    assert note(response) == ""
    expected = masks.Automatic(bright, largest, passes).alpha(finding.engine.run, TWO)
    np.testing.assert_array_equal(pixels(response.content), quantize_alpha(expected, 8))
    assert expected[50, 40] == 1
    assert (expected[40, 105] == 1) != largest


def test_trimaps_are_those_of_automatic(finding: Running) -> None:
    expected = masks.Automatic(bright).trimap(ONE)
    assert set(np.unique(expected)) == {0, 128, 255}
    made = ask(finding, "/v1/trimap", {"image": png(ONE)}, auto="all")
    np.testing.assert_array_equal(pixels(made.content), expected)
    made = ask(finding, files={"image": png(ONE)}, auto="all", output="trimap")
    np.testing.assert_array_equal(pixels(made.content), expected)
    with finding.client() as client:
        name = client.post("/v1/pictures", files={"image": png(ONE)}).json()["id"]
        made = client.post(f"/v1/pictures/{name}/trimap", files={"auto": (None, "all")})
        np.testing.assert_array_equal(pixels(made.content), expected)
        refused = client.post(f"/v1/pictures/{name}/trimap", files={"auto": (None, "all"), "image": png(ONE)})
        assert "'image': expected one of the fields trimap, mask, auto" in sentence(refused, 422)


def test_where_there_is_no_object_it_is_said(finding: Running) -> None:
    response = ask(finding, files={"image": png(NONE)}, auto="all")
    assert "auto: no object was found, alpha is 0 everywhere: the network is sure by 0.00 at most" in note(response)
    assert not pixels(response.content).any()
    assert "auto: no object was found" in note(ask(finding, "/v1/trimap", {"image": png(NONE)}, auto="largest"))


def test_it_is_counted_and_said_what_there_is(finding: Running, running: Running) -> None:
    with finding.client() as client:
        before = float(client.get("/metrics").text.split('seconds_count{stage="mask"} ')[1].split()[0])
        assert ask(finding, files={"image": png(ONE)}, auto="all").status_code == 200
        assert f'seconds_count{{stage="mask"}} {before + 1}' in client.get("/metrics").text
        assert client.get("/v1/info").json()["sources"] == ["trimap", "mask", "auto"]
    with running.client() as client:
        assert client.get("/v1/info").json()["sources"] == ["trimap", "mask"]


def test_without_a_network_it_is_said_what_to_start(running: Running) -> None:
    said = sentence(ask(running, files={"image": png(ONE)}, auto="all"), 422)
    assert "auto: this service has no network that finds objects; start it with one: dim-trt serve --auto" in said


@pytest.mark.parametrize(
    ("path", "files", "texts", "said"),
    [
        ("matte", {"image": png(ONE)}, {"auto": "rembg:u2netp"}, "auto: expected all or largest, got 'rembg:u2netp'"),
        ("matte", {"image": png(ONE)}, {"auto": "/etc/passwd"}, "auto: expected all or largest, got '/etc/passwd'"),
        ("matte", {"image": png(ONE), "auto": b"x"}, {}, "auto: expected text, got a file"),
        ("matte", {"image": png(ONE), "mask": png(ONE)}, {"auto": "all"}, "expected one of them, got mask and auto"),
        ("matte", {"image": png(ONE)}, {"auto": "all", "erode": "3"}, "erode: goes with mask, not with auto"),
        ("matte", {"image": png(ONE), "trimap": png(ONE)}, {"auto_passes": "2"}, "auto_passes: goes with auto, not"),
        ("matte", {"image": png(ONE)}, {"auto": "all", "auto_passes": "3"}, "auto_passes: expected 1 or 2, got '3'"),
        (
            "matte",
            {"image": png(ONE)},
            {"auto": "all", "auto_passes": "2", "output": "trimap"},
            "auto_passes: goes with every output but trimap",
        ),
        ("trimap", {"image": png(ONE), "mask": png(trimap())}, {}, "image: goes with auto, not with mask"),
        ("trimap", {"image": png(ONE)}, {}, "trimap, mask or auto: expected one of them, got none"),
        ("trimap", {"image": png(ONE)}, {"auto": "all", "auto_passes": "2"}, "'auto_passes': expected one of"),
    ],
)
def test_what_does_not_go_together(finding: Running, path: str, files: Any, texts: Any, said: str) -> None:
    assert said in sentence(ask(finding, f"/v1/{path}", files, **texts), 422)


def failing(_: U8, /) -> NDArray[np.float32]:
    raise InvalidInput("auto: '/secret/net.onnx': ONNX Runtime cannot run it")


def wrong(_: U8, /) -> NDArray[np.float32]:
    return np.zeros((3, 4), np.float32)


@pytest.mark.parametrize("network", [failing, wrong])
def test_a_network_that_fails_is_the_services_fault(
    serve: Serve, network: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(auto=network)
    with caplog.at_level(logging.WARNING, "dim_trt"):
        said = sentence(ask(service, files={"image": png(ONE)}, auto="all"), 500)
    assert said == "auto: the service's network fails on this picture; its log says why"
    assert "net.onnx" in caplog.text if network is failing else "mask source: expected" in caplog.text


def test_one_picture_at_a_time_and_nobody_else_waits(serve: Serve) -> None:
    running, most, go = [0], [0], threading.Event()

    def slow(picture: U8, /) -> NDArray[np.float32]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        assert go.wait(20)
        running[0] -= 1
        return bright(picture)

    service = serve(auto=slow)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(ask(service, files={"image": png(ONE)}, auto="all")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    with service.client() as client:
        started = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert ask(service).status_code == 200
        assert time.monotonic() - started < 10
    go.set()
    for thread in threads:
        thread.join(20)
    assert [result.status_code for result in results] == [200, 200]
    assert most == [1]


# damaged files


@pytest.fixture(scope="module")
def lenient(serve: Serve) -> Running:
    """As with --accept-damaged."""
    return serve(limits=Limits(10**6, accept_damaged=True), auto=bright)


def spoilt(data: bytes) -> bytes:
    """A PNG of which one checksum is wrong."""
    return data[:-16] + b"\0\0\0\0" + data[-12:]


SPOILT = spoilt(png(img()))
SAID = "the file is damaged (the checksum of its IDAT is wrong); what can be read of it was taken"


@pytest.mark.parametrize("output", ["alpha", "cutout", "trimap"])
def test_a_damaged_picture_is_said(lenient: Running, output: str) -> None:
    response = ask(lenient, files={"image": SPOILT, "trimap": png(trimap())}, output=output)
    assert note(response) == f"image: {SAID}"


def test_a_picture_that_is_cut_off_is_said(lenient: Running) -> None:
    response = ask(lenient, files={"image": jpeg(img())[:-900], "trimap": png(trimap())})
    assert note(response).startswith("image: the file is damaged (")
    assert pixels(response.content).shape == trimap().shape


def test_whatever_is_damaged_is_said(lenient: Running) -> None:
    bad = spoilt(png(trimap()))
    whole = {"image": png(img()), "trimap": png(trimap())}
    assert note(ask(lenient, files=whole)) == ""
    assert f"trimap: {SAID}" in note(ask(lenient, files={**whole, "trimap": bad}))
    assert f"trimap: {SAID}" in note(ask(lenient, "/v1/trimap", {"trimap": bad}))
    assert f"mask: {SAID}" in note(ask(lenient, "/v1/trimap", {"mask": bad}))
    assert f"background: {SAID}" in note(ask(lenient, files={**whole, "background": SPOILT}, output="composite"))
    both = note(ask(lenient, files={"image": SPOILT, "trimap": bad}))
    assert f"image: {SAID}; trimap: {SAID}" in both
    assert f"image: {SAID}" in note(ask(lenient, "/v1/trimap", {"image": SPOILT}, auto="all"))


def test_a_damaged_picture_that_is_painted_on(lenient: Running) -> None:
    with lenient.client() as client:
        opened = client.post("/v1/pictures", files={"image": SPOILT})
        assert note(opened) == f"image: {SAID}"
        name = opened.json()["id"]
        assert note(client.get(f"/v1/pictures/{name}")) == f"image: {SAID}"
        matte = client.post(f"/v1/pictures/{name}/matte", files={"output": (None, "trimap")})
        assert note(matte) == f"image: {SAID}"


def test_a_trimap_that_knows_nothing_is_said(running: Running) -> None:
    response = ask(running, "/v1/trimap", {"trimap": png(np.full((5, 7), 99, np.uint8))})
    assert note(response) == "trimap: no pixel is known, so the whole picture is guessed"


def test_notes_are_percent_encoded(running: Running) -> None:
    """So that a browser's decodeURIComponent reads them."""
    response = ask(running, "/v1/trimap", {"trimap": png(np.where(trimap() == 0, 3, trimap()).astype(np.uint8))})
    header = response.headers["x-note"]
    assert "%" not in unquote(header)
    assert unquote(header).startswith("trimap: ")
    assert header.isascii()


def test_the_sources_of_masks_that_python_takes(plan: Any) -> None:
    from dim_trt.serving.app import application

    with pytest.raises(InvalidInput, match="auto: expected"):
        application(dim_trt.Engine(plan), auto="salient-of-nobody")
