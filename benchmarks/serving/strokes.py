"""Strokes on the page, in a browser."""

from __future__ import annotations

import os
import time

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import FilePayload, Page, sync_playwright

IDLE = "async () => { const { painter } = await import('/page/main.js'); return !painter.session?.running; }"
# Paints from one point to another within so many milliseconds and lets go. Gives how many milliseconds later the matte
# of what was painted, and all that it changed, were on the canvas.
PAINT = """async ([x, y, ms]) => {
    const { painter } = await import('/page/main.js'), { session } = painter, { width, height } = painter.layers;
    const frame = () => new Promise(requestAnimationFrame);
    const place = (share) => ({ x: x * width + 80 * share, y: y * height + 20 * share });
    const begun = performance.now();
    painter.begin(place(0));
    for (let share = 0; share < 1; ) {
        if (ms) await frame();
        share = ms ? Math.min(1, (performance.now() - begun) / ms) : 1;
        painter.paint(place(share));
    }
    await frame();
    const { patched } = session, start = performance.now();
    const seen = new Promise((done) => (session.patched = (...given) => {
        patched(...given);
        if (!session.pending) done();
    }));
    painter.end();
    await Promise.race([seen, session.running]);  // what was all matted while it was painted is not patched again
    await frame();
    const near = performance.now() - start;
    await session.running;
    await frame();
    session.patched = patched;
    return [near, performance.now() - start];
}"""


def stroke_times(
    url: str, chromium: str, files: tuple[bytes, bytes], count: int, stroke_ms: int = 0
) -> NDArray[np.float64]:
    """[count, 2] milliseconds of strokes of the unknown brush, 80 pixels long, on a picture and its trimap: to alpha of
    what was painted, and of all that it changed. stroke_ms: how long each takes to paint."""
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
        times = [_stroke(page, [*random.uniform(0.1, 0.9, 2).tolist(), stroke_ms]) for _ in range(count + 3)]
        browser.close()
    return np.array(times[3:])  # the first lay out memory


def _stroke(page: Page, place: list[float]) -> list[float]:
    while not page.evaluate(IDLE):
        time.sleep(0.01)
    taken: list[float] = page.evaluate(PAINT, place)
    return taken
