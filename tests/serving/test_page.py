"""The page, in a real browser: what is painted is matted, and what is downloaded is what the engine says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from dim_trt import trimaps
from dim_trt.pictures import Look, Picture, quantize_alpha, render
from tests.serving.browsing import (
    ASTRONAUT,
    STROKES,
    downloaded,
    needs_chromium,
    opened,
    paint,
    settled,
    shown,
    steps,
    stroke,
    until,
)
from tests.serving.conftest import Running
from tests.serving.pictures import png
from tests.support import ROOT

pytestmark = needs_chromium


def test_open_paint_matte_download(page: Page, shipped: Running) -> None:
    opened(page)
    paint(page)
    picture = cv2.imread(str(ASTRONAUT))
    trimap = downloaded(page, "trimap")
    assert set(np.unique(trimap)) == {0, 128, 255}
    assert 0.02 < (trimap == 128).mean() < 0.3
    alpha = shipped.engine.run(picture, trimap)
    np.testing.assert_array_equal(downloaded(page, "alpha"), quantize_alpha(alpha, 8))
    np.testing.assert_array_equal(shown(page, "alpha")[:, :, 0], quantize_alpha(alpha, 8), "what the strokes gave")
    looks = Look((("cutout", 8), ("composite", 8)), (0xCC, 0x66, 0x33), shipped.engine.foreground)
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


def test_a_mask_a_trimap_and_a_band(page: Page, shipped: Running, tmp_path: Path) -> None:
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
