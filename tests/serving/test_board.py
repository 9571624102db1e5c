"""A picture that is painted on: strokes there, patches back, all or nothing."""

from __future__ import annotations

import io
import threading
import time
import zlib
from typing import Any

import numpy as np
from PIL import Image

import dim_trt
from dim_trt.pictures import Look, Picture, quantize_alpha, render
from dim_trt.serving.patches import Box
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import HEIGHT, WIDTH, img, pixels, png
from tests.serving.test_api import FILES, IMG, TRIMAP, sentence
from tests.serving.test_load import held_up
from tests.support.photos import p3_profile
from tests.support.stand_ins import SECONDS, eventually


def opened(client: Any, data: bytes) -> str:
    response = client.post("/v1/pictures", files={"image": ("a.png", data)})
    assert response.status_code == 201
    name: str = response.json()["id"]
    return name


def stroke(client: Any, name: str, values: Any, top: int, left: int, version: int, **switches: str) -> Any:
    height, width = values.shape
    place = {"top": top, "left": left, "height": height, "width": width, **switches}
    data = np.ascontiguousarray(values).tobytes()
    return client.patch(f"/v1/pictures/{name}/trimap", params=place, content=data, headers={"If-Match": f'"{version}"'})


def window(response: Any, name: str = "x-window") -> Box:
    top, left, height, width = map(int, response.headers[name].split(","))
    return Box(top, left, top + height, left + width)


def levels(response: Any) -> Any:
    """Alpha of a patch, without its colors."""
    height, width = window(response).size
    return np.frombuffer(response.content, np.uint8)[: height * width].reshape(height, width)


def test_a_picture_is_painted_on(running: Running) -> None:
    with running.client() as client:
        name = opened(client, FILES["image"])
        np.testing.assert_array_equal(pixels(client.get(f"/v1/pictures/{name}").content), IMG)
        response = stroke(client, name, TRIMAP, 0, 0, 0, colors="1")
        assert response.status_code == 200, response.text
        assert response.headers["etag"] == '"1"'
        assert response.headers["x-window"] == f"0,0,{HEIGHT},{WIDTH}"
        alpha = running.engine.run(IMG, TRIMAP)
        expected = quantize_alpha(alpha, 8)
        np.testing.assert_array_equal(levels(response), expected)
        mixed = (expected > 0) & (expected < 255)
        colors = running.engine.foreground(IMG, alpha)[0][mixed][:, ::-1]
        got = np.frombuffer(response.content, np.uint8)[HEIGHT * WIDTH :]
        np.testing.assert_array_equal(got.reshape(-1, 3), colors)
        after = TRIMAP.copy()
        after[5:9, 3:50] = 255
        response = stroke(client, name, after[5:9, 3:50], 5, 3, 1)
        assert response.headers["etag"] == '"2"'
        matte = client.post(f"/v1/pictures/{name}/matte", data={"output": "alpha"})
        assert sentence(matte, 422)  # urlencoded, which is no such form
        matte = client.post(f"/v1/pictures/{name}/matte", files={"output": (None, "cutout")})
        assert matte.status_code == 200, matte.text
        whole = running.engine.run(IMG, after)
        made = render(Picture(IMG), whole, Look((("cutout", 8),), (0, 0, 0), running.engine.foreground))
        np.testing.assert_array_equal(pixels(matte.content), made["cutout", 8])
        assert client.delete(f"/v1/pictures/{name}").status_code == 204
        assert "open it again" in sentence(stroke(client, name, after, 0, 0, 2), 404)


def test_a_stroke_is_taken_whole_or_not(running: Running) -> None:
    with running.client() as client:
        name = opened(client, FILES["image"])
        part = TRIMAP[:4, :6]
        assert "send it whole" in sentence(stroke(client, name, part, 0, 0, 3), 412)
        assert "expected a part of the picture" in sentence(stroke(client, name, part, 0, WIDTH - 5, 0), 422)
        assert "expected a part of the picture" in sentence(stroke(client, name, part[:0], 0, 0, 0), 422)
        assert "expected 0, 128 and 255 alone" in sentence(stroke(client, name, part + 1, 0, 0, 0), 422)
        place = {"top": 0, "left": 0, "height": 4, "width": 6}
        for coding, content, status, said in [
            ("deflate", b"hello, world", 422, "cannot be read"),
            ("deflate", zlib.compress(b"\0" * 23), 422, "expected 24 bytes"),
            ("deflate", zlib.compress(b"\0" * 24)[:-1], 422, "expected 24 bytes"),
            ("deflate", zlib.compress(b"\0" * (1 << 24)), 422, "expected 24 bytes"),
            ("identity", b"\0" * 23, 422, "expected 24 bytes"),
            ("identity", b"\0" * 25, 422, "expected 24 bytes"),
            ("br", b"\0" * 24, 415, "Content-Encoding: expected deflate or none, got 'br'"),
        ]:
            headers = {"If-Match": '"0"', "Content-Encoding": coding}
            response = client.patch(f"/v1/pictures/{name}/trimap", params=place, content=content, headers=headers)
            assert said in sentence(response, status)
        response = client.patch(f"/v1/pictures/{name}/trimap", params={**place, "top": "-1"}, content=b"")
        assert "top: expected a whole number" in sentence(response, 400)
        response = client.patch(f"/v1/pictures/{name}/trimap", params=place, content=b"")
        assert "If-Match" in sentence(response, 400)
        assert stroke(client, name, part, 0, 0, 0).headers["etag"] == '"1"'
        assert stroke(client, name, TRIMAP, 0, 0, 7).headers["etag"] == '"2"', "a whole one is always taken"


def test_transparency_counts_while_painting_too(running: Running) -> None:
    rgba = np.dstack([IMG, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    rgba[:, -20:, 3] = 100
    with running.client() as client:
        name = opened(client, png(rgba))
        patch = stroke(client, name, TRIMAP, 0, 0, 0)
        whole = client.post(f"/v1/pictures/{name}/matte", files={"output": (None, "alpha")})
        np.testing.assert_array_equal(levels(patch), pixels(whole.content))


LARGE = img(300, 700)


def test_what_is_near_a_stroke_comes_first_and_the_rest_when_asked_for(serve: Serve) -> None:
    engine = dim_trt.Engine("lite")
    trimap = np.zeros(LARGE.shape[:2], np.uint8)
    trimap[100:130, 20:650] = 128
    trimap[130:, 20:650] = 255
    with serve(engine=engine).client() as client:
        name = opened(client, png(LARGE))
        shown = levels(stroke(client, name, trimap, 0, 0, 0)).copy()
        np.testing.assert_array_equal(shown, quantize_alpha(engine.run(LARGE, trimap), 8))
        stale = None
        for version, (top, left, value) in enumerate([(60, 300, 128), (70, 330, 255), (200, 500, 128)], 1):
            part = np.full((20, 40), value, np.uint8)
            trimap[top : top + 20, left : left + 40] = part
            patch = stroke(client, name, part, top, left, version, near="1", colors="1")
            assert patch.status_code == 200, patch.text
            near, stale = window(patch), window(patch, "x-stale")
            assert near.size[0] <= 20 + 64
            assert near.size[1] <= 40 + 64
            assert stale.overlap(near) not in (None, stale)
            shown[near.part] = levels(patch)
            whole = quantize_alpha(engine.run(LARGE, trimap), 8)
            np.testing.assert_array_equal(shown[near.part], whole[near.part])
        assert (shown != whole).any(), "nothing was left for later"
        address = f"/v1/pictures/{name}/alpha"
        for box, is_stale in [(Box(0, 0, 9, 9), True), (stale, False)]:
            place = dict(zip(("top", "left", "height", "width"), box.window, strict=True))
            patch = client.get(address, params={**place, "colors": "1"})
            assert (patch.status_code, patch.headers["etag"]) == (200, '"4"')
            assert ("x-stale" in patch.headers) == is_stale
            assert window(patch) == box
            shown[box.part] = levels(patch)
        np.testing.assert_array_equal(shown, whole)
        assert "expected a part of the picture" in sentence(client.get(address, params={**place, "top": 299}), 422)
        assert "near: expected 0 or 1" in sentence(stroke(client, name, part, 0, 0, 4, near="yes"), 400)


def test_alpha_that_was_painted_over_meanwhile_is_not_kept(serve: Serve) -> None:
    engine, core = held_up("lite")
    service = serve(engine=engine)
    core.go.set()
    with service.client() as client, service.client() as other:
        name = opened(client, png(LARGE))
        trimap = np.zeros(LARGE.shape[:2], np.uint8)
        trimap[:, 300:350] = 128
        stroke(client, name, trimap, 0, 0, 0)
        patch = stroke(client, name, np.full((10, 50), 255, np.uint8), 150, 300, 1, near="1")
        trimap[150:160, 300:350] = 255
        stale = window(patch, "x-stale")
        core.go.clear()
        place = dict(zip(("top", "left", "height", "width"), stale.window, strict=True))
        answers: list[Any] = []
        address = f"/v1/pictures/{name}/alpha"
        late = threading.Thread(target=lambda: answers.append(other.get(address, params=place)))
        late.start()
        eventually(lambda: core.running == 1)
        newer = stroke(client, name, np.zeros((10, 20), np.uint8), 0, 0, 2, near="1")  # changes nothing, needs no run
        assert newer.headers["etag"] == '"3"'
        core.go.set()
        late.join(SECONDS)
        assert "send it whole" in sentence(answers[0], 412)
        patch = client.get(address, params=place)
        whole = quantize_alpha(engine.run(LARGE, trimap), 8)
        np.testing.assert_array_equal(levels(patch), whole[stale.part])


def test_colors_are_those_that_the_page_shows(running: Running) -> None:
    """A profile's numbers are no screen's: what is painted on and the colors of its cutout are both in sRGB."""
    stream = io.BytesIO()
    plain = Image.fromarray(np.full((40, 50, 3), (200, 60, 30), np.uint8))
    plain.save(stream, "PNG", icc_profile=p3_profile())
    with running.client() as client:
        name = opened(client, stream.getvalue())
        seen = pixels(client.get(f"/v1/pictures/{name}").content)
        assert abs(seen[0, 0].astype(int) - (30, 60, 200)).max() > 20
        half = np.full((40, 50), 128, np.uint8)
        half[:5] = 255
        patch = stroke(client, name, half, 0, 0, 0, colors="1")
        colors = np.frombuffer(patch.content, np.uint8)[40 * 50 :].reshape(-1, 3)
        assert len(colors) > 100
        assert abs(colors.astype(int) - seen[0, 0, ::-1]).max() <= 8


def test_much_is_deflated_for_those_who_take_it(running: Running) -> None:
    with running.client() as client:
        name = opened(client, png(LARGE))
        place = {"top": 0, "left": 0, "height": 300, "width": 700}
        for coding, said in [("gzip, br", "gzip"), ("identity", None)]:
            headers = {"Accept-Encoding": coding}
            patch = client.get(f"/v1/pictures/{name}/alpha", params=place, headers=headers)
            assert patch.headers.get("content-encoding") == said
            assert patch.content == bytes(300 * 700)
        deflated = zlib.compress(bytes(300 * 700))
        headers = {"If-Match": '"0"', "Content-Encoding": "deflate"}
        patch = client.patch(f"/v1/pictures/{name}/trimap", params=place, content=deflated, headers=headers)
        assert patch.headers["etag"] == '"1"'


def test_a_few_pictures_are_held(serve: Serve) -> None:
    service = serve(pictures=2)
    with service.client() as client:
        names = [opened(client, png(img(seed=seed))) for seed in range(3)]
        assert [client.get(f"/v1/pictures/{name}").status_code for name in names] == [404, 200, 200]
    service = serve(idle_s=0.1)
    with service.client() as client:
        name = opened(client, FILES["image"])
        time.sleep(0.2)
        assert client.get(f"/v1/pictures/{name}").status_code == 404
