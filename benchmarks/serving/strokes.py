"""Strokes on the page, in a browser."""

from __future__ import annotations

import os
import time

import numpy as np
from playwright.sync_api import FilePayload, Page, sync_playwright

IDLE = "async () => { const { painter } = await import('/page/main.js'); return !painter.session?.running; }"
# Lets go of the mouse, and says how many milliseconds later the matte was on the canvas.
RELEASE = """async () => {
    const { painter } = await import('/page/main.js'), start = performance.now();
    painter.end();
    await painter.session.running;
    await new Promise(requestAnimationFrame);
    return performance.now() - start;
}"""


def stroke_times(url: str, chromium: str, files: tuple[bytes, bytes], count: int) -> list[float]:
    """Milliseconds of so many strokes of the unknown brush, 80 pixels long, on a picture and its trimap."""
    random = np.random.default_rng(0)
    with sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(url)
        picture, trimap = (FilePayload(name="a.png", mimeType="image/png", buffer=data) for data in files)
        page.set_input_files("#file", picture)
        page.wait_for_selector("body.opened", timeout=120_000)
        page.set_input_files("#trimap-file", trimap)
        page.wait_for_selector("#undo:enabled", timeout=120_000)
        page.locator("[data-tool=unknown]").click()
        times = [_stroke(page, random.uniform(0.1, 0.9, 2).tolist()) for _ in range(count + 3)]
        browser.close()
    return times[3:]  # the first lay out memory


def _stroke(page: Page, at: list[float]) -> float:
    while not page.evaluate(IDLE):
        time.sleep(0.01)
    begin = """async ([x, y]) => {
        const { painter } = await import('/page/main.js'), { width, height } = painter.layers;
        painter.begin({ x: x * width, y: y * height });
        painter.paint({ x: x * width + 80, y: y * height + 20 });
    }"""
    page.evaluate(begin, at)
    return float(page.evaluate(RELEASE))
