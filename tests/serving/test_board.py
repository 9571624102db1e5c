"""A picture that is painted on: strokes there, patches back, all or nothing."""

from __future__ import annotations

import time
import zlib
from typing import Any

import numpy as np

from dim_trt.pictures import Look, Picture, quantize_alpha, render
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import HEIGHT, WIDTH, img, pixels, png
from tests.serving.test_api import FILES, IMG, TRIMAP, sentence


def opened(client: Any, data: bytes) -> str:
    response = client.post("/v1/pictures", files={"image": ("a.png", data)})
    assert response.status_code == 201
    name: str = response.json()["id"]
    return name


def stroke(client: Any, name: str, values: Any, top: int, left: int, version: int, colors: str = "0") -> Any:
    height, width = values.shape
    place = {"top": top, "left": left, "height": height, "width": width, "colors": colors}
    data = zlib.compress(np.ascontiguousarray(values).tobytes())
    return client.patch(f"/v1/pictures/{name}/trimap", params=place, content=data, headers={"If-Match": f'"{version}"'})


def test_a_picture_is_painted_on(running: Running) -> None:
    with running.client() as client:
        name = opened(client, FILES["image"])
        np.testing.assert_array_equal(pixels(client.get(f"/v1/pictures/{name}").content), IMG)
        response = stroke(client, name, TRIMAP, 0, 0, 0, "1")
        assert response.status_code == 200, response.text
        assert response.headers["etag"] == '"1"'
        assert response.headers["x-window"] == f"0,0,{HEIGHT},{WIDTH}"
        data = np.frombuffer(zlib.decompress(response.content), np.uint8)
        alpha = running.engine.run(IMG, TRIMAP)
        np.testing.assert_array_equal(data[: HEIGHT * WIDTH].reshape(HEIGHT, WIDTH), quantize_alpha(alpha, 8))
        colors = running.engine.foreground(IMG, alpha)[0][:, :, ::-1]
        np.testing.assert_array_equal(data[HEIGHT * WIDTH :].reshape(HEIGHT, WIDTH, 3), colors)
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
        for content, said in [
            (b"hello, world", "cannot be read"),
            (zlib.compress(b"\0" * 23), "expected 24 bytes"),
            (zlib.compress(b"\0" * (1 << 24)), "expected 24 bytes"),
        ]:
            response = client.patch(
                f"/v1/pictures/{name}/trimap", params=place, content=content, headers={"If-Match": '"0"'}
            )
            assert said in sentence(response, 422)
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
        np.testing.assert_array_equal(
            np.frombuffer(zlib.decompress(patch.content), np.uint8).reshape(HEIGHT, WIDTH), pixels(whole.content)
        )


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
