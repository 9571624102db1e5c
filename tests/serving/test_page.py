"""The page, in a real browser: what is painted is matted, and what is downloaded is what the engine says."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright import sync_api as playwright
from playwright.sync_api import Page, expect

import dim_trt
from dim_trt import trimaps
from dim_trt.pictures import Look, Picture, quantize_alpha, render
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import img, jpeg, pixels, png
from tests.support import ROOT
from tests.support.stand_ins import SECONDS

ASTRONAUT = ROOT / "samples" / "astronaut.png"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
U8 = NDArray[np.uint8]
Point = tuple[float, float]


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


@pytest.fixture(scope="module")
def service(serve: Serve) -> Running:
    return serve(engine=dim_trt.Engine("lite"), body_s=SECONDS, header_s=SECONDS)


@pytest.fixture
def page(browser: playwright.Browser, service: Running) -> Iterator[Page]:
    yield from visited(browser, service)


def visited(browser: playwright.Browser, service: Running, **options: Any) -> Iterator[Page]:
    """The page in a window of its own; nothing may go wrong in it unsaid, and it asks nobody else for anything."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    page, wrong, asked = context.new_page(), list[str](), list[str]()
    page.set_default_timeout(SECONDS * 1000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(service.url)
    yield page
    assert not wrong
    assert all(url.startswith((service.url, "blob:")) for url in asked)
    context.close()


def opened(page: Page, file: Any = ASTRONAUT) -> None:
    page.set_input_files("#file", file)
    expect(page.locator("#status")).to_contain_text("px")


def settled(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text("Matted in")


def until(page: Page, condition: str) -> None:
    script = f"async () => {{ const {{ painter, view }} = await import('/page/main.js'); return {condition}; }}"
    end = time.monotonic() + SECONDS
    while not page.evaluate(script):
        assert time.monotonic() < end, f"it did not happen: {condition}"
        page.wait_for_timeout(20)


def steps(page: Page, count: int) -> None:
    """Waits until so many can be undone."""
    until(page, f"painter.trimap.done.length === {count}")


def on_stage(page: Page, size: tuple[int, int], point: Point) -> Point:
    """Where this point of the whole picture (x, y in 0..1) is in the window."""
    box = page.locator("#stage").bounding_box()
    assert box is not None
    scale = min(box["width"] / size[1], box["height"] / size[0]) * 0.96
    left, top = (box["width"] - size[1] * scale) / 2, (box["height"] - size[0] * scale) / 2
    return box["x"] + left + point[0] * size[1] * scale, box["y"] + top + point[1] * size[0] * scale


def stroke(page: Page, tool: str, points: list[Point], size: tuple[int, int] = (512, 512), px: int = 40) -> None:
    page.locator(f"[data-tool={tool}]").click()
    page.locator("#size").fill(str(px))
    places = [on_stage(page, size, point) for point in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


ID = "async () => (await import('/page/main.js')).painter.session.id"
STROKES = [
    ("foreground", [(0.35, 0.95), (0.45, 0.5), (0.6, 0.95)], 90),
    ("unknown", [(0.3, 0.3), (0.38, 0.1), (0.5, 0.1), (0.56, 0.35)], 60),
    ("background", [(0.9, 0.1), (0.9, 0.3)], 50),
]


def paint(page: Page) -> None:
    for tool, points, px in STROKES:
        stroke(page, tool, points, px=px)
    settled(page)


def downloaded(page: Page, output: str, suffix: str = "png") -> Any:
    with page.expect_download() as download:
        page.locator(f"#downloads [data-output={output}][data-format={suffix}]").click()
    assert download.value.suggested_filename.endswith(f"_{output}.{suffix}")
    path = download.value.path()
    return pixels(Path(path).read_bytes())


def shown(page: Page, layer: str) -> U8:
    """A layer of the page as it is in memory, BGRA: `alpha`, `overlay`."""
    script = f"async () => (await import('/page/main.js')).painter.layers.{layer}.toDataURL()"
    data: str = page.evaluate(script)
    return pixels(base64.b64decode(data.partition(",")[2]))


def test_open_paint_matte_download(page: Page, service: Running) -> None:
    opened(page)
    paint(page)
    picture = cv2.imread(str(ASTRONAUT))
    trimap = downloaded(page, "trimap")
    assert set(np.unique(trimap)) == {0, 128, 255}
    assert 0.02 < (trimap == 128).mean() < 0.3
    alpha = service.engine.run(picture, trimap)
    np.testing.assert_array_equal(downloaded(page, "alpha"), quantize_alpha(alpha, 8))
    np.testing.assert_array_equal(shown(page, "alpha")[:, :, 0], quantize_alpha(alpha, 8), "what the strokes gave")
    looks = Look((("cutout", 8), ("composite", 8)), (0xCC, 0x66, 0x33), service.engine.foreground)
    made = render(Picture(picture), alpha, looks)
    for suffix in ("png", "webp"):
        np.testing.assert_array_equal(downloaded(page, "cutout", suffix), made["cutout", 8])
    page.locator("[name=view][value=color]").check()
    np.testing.assert_array_equal(downloaded(page, "composite"), made["composite", 8])
    expect(page.locator("#error")).to_be_empty()


def test_undo_and_redo(page: Page) -> None:
    opened(page)
    before = shown(page, "alpha")
    stroke(page, "foreground", STROKES[0][1])
    settled(page)
    after = shown(page, "alpha")
    assert (before != after).any()
    page.locator("#undo").click()
    expect(page.locator("#undo")).to_be_disabled()
    until(page, "!painter.session.running")
    np.testing.assert_array_equal(shown(page, "alpha"), before)
    page.keyboard.press("Control+Shift+Z")
    until(page, "!painter.session.running")
    np.testing.assert_array_equal(shown(page, "alpha"), after)


def test_fifty_steps_are_kept(page: Page) -> None:
    opened(page)
    kept = page.evaluate(
        """async () => {
            const { Trimap } = await import('/page/trimap.js'), made = new Trimap(30, 20);
            for (let i = 0; i < 60; i++) {
                const before = made.values.slice(), x = i % 30;
                const box = made.line({x, y: 5}, {x, y: 9}, 2, i % 2 ? 255 : 128);
                made.remember(box, made.crop(box, before));
            }
            const end = [...made.values];
            let undone = 0;
            while (made.undo()) undone++;
            while (made.redo());
            return [undone, end.join() === [...made.values].join()];
        }"""
    )
    assert kept == [50, True]


def test_a_mask_a_trimap_and_a_band(page: Page, service: Running, tmp_path: Path) -> None:
    opened(page)
    mask = np.zeros((512, 512), np.uint8)
    cv2.circle(mask, (256, 300), 120, 255, -1)
    (tmp_path / "mask.png").write_bytes(png(mask))
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    settled(page)
    np.testing.assert_array_equal(downloaded(page, "trimap"), trimaps.from_mask(mask))
    page.set_input_files("#trimap-file", ROOT / "samples" / "astronaut_trimap.png")
    steps(page, 2)
    given = cv2.imread(str(ROOT / "samples" / "astronaut_trimap.png"), 0)
    np.testing.assert_array_equal(downloaded(page, "trimap"), given)
    page.locator("#band").click()
    steps(page, 3)
    expected = np.where(given == 128, 128, trimaps.from_mask(given == 255))
    np.testing.assert_array_equal(downloaded(page, "trimap"), expected)


def test_what_goes_wrong_is_said(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(ASTRONAUT.read_bytes()[:90_000])
    page.set_input_files("#file", tmp_path / "broken.png")
    error = page.locator("#error")
    expect(error).to_contain_text("image: the file is damaged (it is cut off)")
    page.locator("#band").click()
    expect(error).to_contain_text("Open a picture first.")
    opened(page)
    expect(error).to_be_empty()
    page.locator("#band").click()
    expect(error).to_contain_text("Paint the foreground first")
    (tmp_path / "small.png").write_bytes(png(np.zeros((5, 7), np.uint8)))
    page.set_input_files("#mask-file", tmp_path / "small.png")
    expect(error).to_contain_text("mask: expected the image's size, 512x512, got 7x5")
    stroke(page, "foreground", STROKES[0][1])
    settled(page)
    expect(error).to_be_empty()


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_pasted_and_dropped_pictures_are_opened(page: Page, how: str) -> None:
    data = base64.b64encode(jpeg(img(120, 200))).decode()
    page.evaluate(
        """([how, data]) => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), files = new DataTransfer();
            files.items.add(new File([bytes], "a.jpg", { type: "image/jpeg" }));
            const event = how === "paste"
                ? new ClipboardEvent("paste", { clipboardData: files, bubbles: true })
                : new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [how, data],
    )
    expect(page.locator("#status")).to_contain_text("200×120 px")


def test_a_picture_that_the_service_let_go_comes_back(page: Page, service: Running) -> None:
    opened(page)
    stroke(page, "foreground", STROKES[0][1])
    settled(page)
    with service.client() as client:
        client.delete(f"/v1/pictures/{page.evaluate(ID)}")
    stroke(page, "unknown", STROKES[1][1])
    until(page, "!painter.session.running")
    with service.client() as client:
        client.delete(f"/v1/pictures/{page.evaluate(ID)}")
    trimap = downloaded(page, "trimap")
    assert {128, 255} <= set(np.unique(trimap))
    np.testing.assert_array_equal(
        downloaded(page, "alpha"), quantize_alpha(service.engine.run(cv2.imread(str(ASTRONAUT)), trimap), 8)
    )


def test_keys_alone_paint(page: Page) -> None:
    opened(page)
    page.locator("#stage").focus()
    page.keyboard.press("2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowDown")
    settled(page)
    trimap = downloaded(page, "trimap")
    rows, columns = np.nonzero(trimap == 128)
    assert 20 < np.ptp(rows) < 80
    assert np.ptp(columns) < 30
    assert abs(columns.mean() - 262) < 3


def test_zoom_and_fill(page: Page) -> None:
    opened(page)
    page.mouse.move(*on_stage(page, (512, 512), (0.5, 0.5)))
    page.mouse.wheel(0, -900)
    zoomed = page.evaluate("async () => (await import('/page/main.js')).view.scale")
    page.locator("#zoom-fit").click()
    fitted = page.evaluate("async () => (await import('/page/main.js')).view.scale")
    assert zoomed > 3 * fitted
    ring = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]
    stroke(page, "foreground", ring, px=10)
    page.locator("#fill").check()
    stroke(page, "foreground", [(0.5, 0.5)])
    settled(page)
    trimap = downloaded(page, "trimap")
    assert (trimap[165:345, 165:345] == 255).all()
    assert (trimap[:140] == 0).all()


def test_a_phone(browser: playwright.Browser, service: Running) -> None:
    size = {"width": 390, "height": 844}
    for page in visited(browser, service, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2):
        opened(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("[data-tool=foreground]").tap()
        box = page.locator("#stage").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        settled(page)
        assert (downloaded(page, "trimap") == 255).any()


def test_it_can_be_used_without_seeing_it(page: Page) -> None:
    """Every control has a name, and what happens is announced."""
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas")]
            .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.closest("label")?.textContent.trim()))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("[role=status]").count() == page.locator("[role=alert]").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_token_of_the_address(browser: playwright.Browser, serve: Serve, service: Running) -> None:
    locked = serve(engine=dim_trt.Engine("lite"), token="0123456789abcdef", body_s=SECONDS)
    for page in visited(browser, locked):
        page.set_input_files("#file", ASTRONAUT)
        expect(page.locator("#error")).to_contain_text("Authorization: expected 'Bearer TOKEN'")
        page.goto(f"{locked.url}/#token=0123456789abcdef")
        page.reload()
        opened(page)
        assert "token" not in page.url
