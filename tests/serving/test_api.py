"""The service's results are those of the engine, and its refusals one sentence."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dim_trt import trimaps
from dim_trt.pictures import Look, Picture, encode, quantize_alpha, render
from dim_trt.pictures.composite import behind
from tests.serving.conftest import Running
from tests.serving.pictures import HEIGHT, WIDTH, bomb, img, jpeg, pixels, png, trimap

IMG, TRIMAP = img(), trimap()
FILES = {"image": png(IMG), "trimap": png(TRIMAP)}


def ask(running: Running, path: str = "/v1/matte", files: Any = None, **texts: str) -> Any:
    sent = {name: (f"{name}.png", data) for name, data in (FILES if files is None else files).items()}
    with running.client() as client:
        return client.post(path, files=sent, data=texts)


def sentence(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    said = response.json()
    assert list(said) == ["error"]
    text: str = said["error"]
    assert text
    assert "\n" not in text
    return text


# results


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_alpha_is_the_engines(running: Running, suffix: str) -> None:
    response = ask(running, output="alpha", format=suffix)
    assert response.status_code == 200
    assert response.headers["content-type"] == {"png": "image/png", "webp": "image/webp", "tif": "image/tiff"}[suffix]
    got = pixels(response.content)
    expected = quantize_alpha(running.engine.run(IMG, TRIMAP), 8)
    np.testing.assert_array_equal(got if got.ndim == 2 else got[:, :, 0], expected)
    assert len(np.unique(expected)) > 20


@pytest.mark.parametrize("output", ["cutout", "premultiplied", "composite"])
@pytest.mark.parametrize(("depth", "colors"), [(8, "estimated"), (16, "image")])
def test_colors_are_what_render_makes(running: Running, output: Any, depth: int, colors: str) -> None:
    texts = {"background": "#204060"} if output == "composite" else {}
    response = ask(running, output=output, depth=str(depth), colors=colors, **texts)
    assert response.status_code == 200, response.text
    picture, alpha = Picture(IMG), running.engine.run(IMG, TRIMAP)
    estimate = running.engine.foreground if colors == "estimated" else None
    made = render(picture, alpha, Look(((output, depth),), (0x60, 0x40, 0x20), estimate))
    np.testing.assert_array_equal(pixels(response.content), made[output, depth])


@pytest.mark.parametrize("background", ["checkerboard", "navy", "#abc", "picture"])
def test_backgrounds(running: Running, background: str) -> None:
    files, texts, other = dict(FILES), {}, img(20, 31, 5)
    if background == "picture":
        files["background"] = png(other)
    else:
        texts["background"] = background
    response = ask(running, files=files, output="composite", colors="image", **texts)
    assert response.status_code == 200, response.text
    known: Any = {"checkerboard": None, "navy": (128, 0, 0), "#abc": (0xCC, 0xBB, 0xAA), "picture": Picture(other)}
    outside = TRIMAP == 0
    expected = np.broadcast_to(np.asarray(behind(known[background], IMG.shape[:2])), IMG.shape)
    np.testing.assert_array_equal(pixels(response.content)[outside], expected[outside])


def test_masks_become_trimaps_and_mattes(running: Running) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:50, 20:60] = 255
    files = {"image": FILES["image"], "mask": png(mask)}
    expected = trimaps.from_mask(mask, erode="3", dilate="10%", low=0.2)
    options = {"erode": "3", "dilate": "10%", "low": "0.2"}
    made = ask(running, "/v1/trimap", {"mask": png(mask)}, **options)
    np.testing.assert_array_equal(pixels(made.content), expected)
    np.testing.assert_array_equal(pixels(ask(running, files=files, output="trimap", **options).content), expected)
    alpha = ask(running, files=files, **options)
    np.testing.assert_array_equal(pixels(alpha.content), quantize_alpha(running.engine.run(IMG, expected), 8))


def test_what_looks_wrong_is_a_note(running: Running) -> None:
    response = ask(running, "/v1/trimap", {"trimap": png(np.where(TRIMAP == 0, 3, TRIMAP).astype(np.uint8))})
    assert response.status_code == 200
    assert "nearly but not quite black" in response.headers["x-note"]


def test_pictures_are_upright_and_keep_their_profile(running: Running) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = jpeg(IMG, exif=exif)
    turned = np.rot90(TRIMAP, -1)
    response = ask(running, files={"image": data, "trimap": png(np.ascontiguousarray(turned))}, output="cutout")
    assert pixels(response.content).shape == (WIDTH, HEIGHT, 4)
    said = sentence(ask(running, files={"image": data, "trimap": png(TRIMAP)}), 422)
    assert "turn it by 90 degrees clockwise" in said


# refusals


@pytest.mark.parametrize(
    ("files", "texts", "said"),
    [
        ({"trimap": FILES["trimap"]}, {}, "image: expected a picture's file, got none"),
        ({"image": FILES["image"]}, {}, "trimap, mask or auto: expected one of them, got none"),
        ({**FILES, "mask": FILES["trimap"]}, {}, "trimap, mask or auto: expected one of them, got trimap and mask"),
        ({**FILES, "paint": b"x"}, {}, "'paint': expected one of the fields image, trimap, mask, auto"),
        (FILES, {"url": "/etc/passwd"}, "'url': expected one of the fields"),
        (FILES, {"output": "alphas"}, "output: expected alpha or cutout"),
        (FILES, {"format": "exe"}, "format: expected png or webp"),
        (FILES, {"erode": "3"}, "erode: goes with mask, not with trimap"),
        (FILES, {"background": "#ffffff"}, "background: goes with output=composite, not with alpha"),
        (FILES, {"colors": "image"}, "colors: goes with output=cutout"),
        (FILES, {"output": "composite", "background": "/etc/passwd"}, "background: expected '#rrggbb', a color's name"),
        (FILES, {"output": "composite", "background": "#12"}, "background: expected a color '#rrggbb', got '#12'"),
        (FILES, {"output": "cutout", "format": "jpg"}, "format: expected a format with an alpha channel"),
        (FILES, {"output": "trimap", "format": "jpg"}, "output: a trimap goes with"),
        (FILES, {"output": "cutout", "depth": "16", "color_profile": "srgb"}, "color_profile: srgb goes with depth=8"),
        (FILES, {"image": "hello"}, "image: expected a file, got text"),
        ({"trimap": FILES["trimap"]}, {"image": "/etc/passwd"}, "image: expected a file, got text"),
        ({**FILES, "output": b"alpha"}, {}, "output: expected text, got a file"),
        ({**FILES, "image": b""}, {}, "image: expected a picture's file, got an empty one"),
        ({**FILES, "image": b"hello"}, {}, "image: not a picture"),
        ({**FILES, "image": FILES["image"][:-30]}, {}, "image: the file is damaged (it is cut off)"),
        ({**FILES, "image": bomb()}, {}, "image: expected at most 67108864 pixels (max_pixels), got 4225000000"),
        ({**FILES, "trimap": bomb()}, {}, "trimap: expected at most"),
        ({**FILES, "trimap": png(TRIMAP[1:])}, {}, "trimap: expected the image's size, 83x61, got 83x60"),
        ({**FILES, "trimap": png(TRIMAP // 128)}, {}, "trimap: "),
        ({**FILES, "trimap": FILES["image"]}, {}, "trimap: expected a grayscale picture, got colors"),
        ({"image": FILES["image"], "mask": png(TRIMAP)}, {"low": "x"}, "low: expected a number, got 'x'"),
        ({"image": FILES["image"], "mask": png(TRIMAP)}, {"low": "0.9", "high": "0.1"}, "low"),
        ({"image": FILES["image"], "mask": png(TRIMAP)}, {"erode": "wide"}, "erode"),
    ],
)
def test_what_cannot_be_is_one_sentence(running: Running, files: Any, texts: Any, said: str) -> None:
    assert said in sentence(ask(running, files=files, **texts), 422)
    assert ask(running).status_code == 200


def test_bodies_that_are_no_forms(running: Running) -> None:
    with running.client() as client:
        for content, kind in [
            (b"{}", "application/json"),
            (b"", "multipart/form-data"),
            (b"--x\r\n", "multipart/form-data; boundary=x"),
            (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x"),
            (b"hello", "multipart/form-data; boundary=" + "x" * 300),
        ]:
            response = client.post("/v1/matte", content=content, headers={"Content-Type": kind})
            assert "multipart/form-data" in sentence(response, 422)
        twice = [("image", ("a.png", FILES["image"])), ("image", ("b.png", FILES["image"]))]
        assert "image: expected it once" in sentence(client.post("/v1/matte", files=twice), 422)
        many = {f"a{k}": "1" for k in range(40)}
        assert "too many parts" in sentence(client.post("/v1/matte", files=FILES, data=many), 422)


def test_other_addresses_and_methods(running: Running) -> None:
    with running.client() as client:
        assert "there is nothing at this address" in sentence(client.get("/v2/matte"), 404)
        assert "this address takes POST" in sentence(client.get("/v1/matte"), 405)
        assert "not held any more" in sentence(client.get("/v1/pictures/abc"), 404)
        assert sentence(client.get("/page/../../../etc/passwd"), 404)
        assert sentence(client.get("/page/%2e%2e/app.py"), 404)


# what it says of itself


def test_info_and_pages(running: Running) -> None:
    with running.client() as client:
        info = client.get("/v1/info").json()
        assert info["engine"]["backend"] == "cpu"
        assert info["outputs"] == ["alpha", "cutout", "premultiplied", "composite", "trimap"]
        assert info["sources"] == ["trimap", "mask"]
        assert str(running.engine.info["path"]) not in json.dumps(info)
        page = client.get("/docs")
        assert "POST /v1/matte" in page.text
        assert "://" not in page.text
        for path in ("/", "/docs", "/v1/info"):
            headers = client.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers


def test_nothing_is_written(running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import tempfile

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a file was made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    big = img(1100, 1300)
    made = trimap(1100, 1300)
    assert len(png(big)) > 4 << 20  # more than form libraries keep in memory
    response = ask(running, files={"image": png(big), "trimap": png(made)}, output="trimap")
    np.testing.assert_array_equal(pixels(response.content), made)


def test_deep_pictures_keep_their_bits(running: Running) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    response = ask(running, files={"image": encode(deep, ".png"), "trimap": png(TRIMAP)}, output="cutout", depth="16")
    got = pixels(response.content)
    assert got.dtype == np.uint16
    known = TRIMAP == 255
    np.testing.assert_array_equal(got[known][:, :3], deep[known])
    assert Image.open(io.BytesIO(response.content)).size == (WIDTH, HEIGHT)
