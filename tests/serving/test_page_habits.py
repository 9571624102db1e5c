"""The page, in a real browser, as people use it: by paste and keys, on a phone, with files that are broken."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import dim_trt
from dim_trt.pictures import quantize_alpha
from tests.serving.browsing import (
    ASTRONAUT,
    ID,
    STROKES,
    downloaded,
    needs_chromium,
    on_stage,
    opened,
    settled,
    stroke,
    until,
    visited,
)
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import img, jpeg, png
from tests.support.stand_ins import SECONDS

pytestmark = needs_chromium


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


def test_a_picture_that_the_service_let_go_comes_back(page: Page, shipped: Running) -> None:
    opened(page)
    stroke(page, "foreground", STROKES[0][1])
    settled(page)
    with shipped.client() as client:
        client.delete(f"/v1/pictures/{page.evaluate(ID)}")
    stroke(page, "unknown", STROKES[1][1])
    until(page, "!painter.session.running")
    with shipped.client() as client:
        client.delete(f"/v1/pictures/{page.evaluate(ID)}")
    trimap = downloaded(page, "trimap")
    assert {128, 255} <= set(np.unique(trimap))
    np.testing.assert_array_equal(
        downloaded(page, "alpha"), quantize_alpha(shipped.engine.run(cv2.imread(str(ASTRONAUT)), trimap), 8)
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


def test_a_phone(browser: Browser, shipped: Running) -> None:
    size = {"width": 390, "height": 844}
    for page in visited(browser, shipped, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2):
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


def test_the_token_of_the_address(browser: Browser, serve: Serve, shipped: Running) -> None:
    locked = serve(engine=dim_trt.Engine("lite"), token="0123456789abcdef", body_s=SECONDS)
    for page in visited(browser, locked):
        page.set_input_files("#file", ASTRONAUT)
        expect(page.locator("#error")).to_contain_text("Authorization: expected 'Bearer TOKEN'")
        page.goto(f"{locked.url}/#token=0123456789abcdef")
        page.reload()
        opened(page)
        assert "token" not in page.url
