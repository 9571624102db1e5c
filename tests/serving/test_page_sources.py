"""The page, in a real browser, with a service that finds objects and takes damaged files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import dim_trt
from dim_trt import masks
from dim_trt.pictures import quantize_alpha
from dim_trt.pictures.limit import Limits
from tests.serving.browsing import (
    ASTRONAUT,
    STROKES,
    downloaded,
    needs_chromium,
    opened,
    settled,
    shown,
    steps,
    stroke,
    until,
    visited,
)
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import png
from tests.serving.test_sources import ONE, SAID, bright, spoilt
from tests.support.stand_ins import SECONDS
from tests.support.u2netp import u2netp

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def finding(serve: Serve) -> Running:
    limits = Limits(10**7, accept_damaged=True)
    return serve(engine=dim_trt.Engine("lite"), auto=bright, limits=limits, body_s=SECONDS, header_s=SECONDS)


@pytest.fixture
def finder(browser: Browser, finding: Running) -> Iterator[Page]:
    yield from visited(browser, finding)


def test_find_the_object(finder: Page, finding: Running, tmp_path: Path) -> None:
    find, error = finder.locator("#find"), finder.locator("#error")
    expect(find).to_be_disabled()
    (tmp_path / "one.png").write_bytes(png(ONE))
    opened(finder, tmp_path / "one.png")
    expect(find).to_be_enabled()
    stroke(finder, "foreground", [(0.1, 0.1), (0.3, 0.1)], ONE.shape[:2], px=9)
    settled(finder)
    painted = downloaded(finder, "trimap")
    find.click()
    steps(finder, 2)
    settled(finder)
    trimap = masks.Automatic(bright).trimap(ONE)
    np.testing.assert_array_equal(downloaded(finder, "trimap"), trimap)
    alpha = quantize_alpha(finding.engine.run(ONE, trimap), 8)
    np.testing.assert_array_equal(shown(finder, "alpha")[:, :, 0], alpha)
    np.testing.assert_array_equal(downloaded(finder, "alpha"), alpha)
    expect(error).to_be_empty()
    stroke(finder, "background", [(0.4, 0.5), (0.6, 0.5)], ONE.shape[:2], px=9)
    stroke(finder, "eraser", [(0.3, 0.5), (0.7, 0.5)], ONE.shape[:2], px=15)
    settled(finder)
    np.testing.assert_array_equal(downloaded(finder, "trimap"), trimap, "the eraser brings back what was found")
    for _ in range(3):
        finder.locator("#undo").click()
    np.testing.assert_array_equal(downloaded(finder, "trimap"), painted)


def test_where_there_is_no_object_all_stays(finder: Page) -> None:
    dark = png((cv2.imread(str(ASTRONAUT)) // 4).astype(np.uint8))
    opened(finder, {"name": "dark.png", "mimeType": "image/png", "buffer": dark})
    stroke(finder, "unknown", STROKES[1][1])
    settled(finder)
    before = downloaded(finder, "trimap")
    finder.locator("#find").click()
    expect(finder.locator("#error")).to_contain_text("auto: no object was found, alpha is 0 everywhere")
    np.testing.assert_array_equal(downloaded(finder, "trimap"), before)
    steps(finder, 1)


def test_a_service_without_a_network_says_so(page: Page) -> None:
    opened(page)
    find = page.locator("#find")
    expect(find).to_be_disabled()
    assert "--auto" in (find.get_attribute("title") or "")


def test_a_damaged_picture_is_said_until_the_next_action(finder: Page) -> None:
    bad = spoilt(png(ONE))
    opened(finder, {"name": "bad.png", "mimeType": "image/png", "buffer": bad})
    note = finder.locator("#error.note")
    expect(note).to_have_text(f"image: {SAID}")
    expect(note).to_be_visible()
    stroke(finder, "foreground", [(0.4, 0.5), (0.6, 0.5)], ONE.shape[:2], px=9)
    settled(finder)
    expect(finder.locator("#error")).to_be_empty()
    downloaded(finder, "alpha")
    expect(note).to_have_text(f"image: {SAID}")


def test_what_looks_wrong_with_a_trimap_stays_to_be_read(finder: Page, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(ONE))
    opened(finder, tmp_path / "one.png")
    noisy = np.full(ONE.shape[:2], 3, np.uint8)
    noisy[20:60, 20:60] = 255
    (tmp_path / "noisy.png").write_bytes(png(noisy))
    finder.set_input_files("#trimap-file", tmp_path / "noisy.png")
    settled(finder)
    expect(finder.locator("#error.note")).to_contain_text(
        "trimap: 11107 pixels are nearly but not quite black or white"
    )


def test_a_network_that_people_use(browser: Browser, serve: Serve) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    source = masks.open_source(str(u2netp()))
    service = serve(engine=dim_trt.Engine("lite"), auto=source, body_s=SECONDS, header_s=SECONDS)
    for page in visited(browser, service):
        opened(page)
        page.locator("#find").click()
        steps(page, 1)
        until(page, "!painter.session.running")
        trimap = downloaded(page, "trimap")
        np.testing.assert_array_equal(trimap, masks.Automatic(source).trimap(cv2.imread(str(ASTRONAUT))))
        given = cv2.imread(str(ASTRONAUT.with_name("astronaut_trimap.png")), 0)
        assert (trimap[given == 255] != 0).mean() > 0.95
        assert (trimap[given == 0] != 255).mean() > 0.95
