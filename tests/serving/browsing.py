"""What tests do with the page: open, paint, look, download."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from tests.serving.conftest import Running
from tests.serving.pictures import pixels
from tests.support import ROOT
from tests.support.stand_ins import SECONDS

ASTRONAUT = ROOT / "samples" / "astronaut.png"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
U8 = NDArray[np.uint8]
Point = tuple[float, float]


def visited(browser: Browser, service: Running, **options: Any) -> Iterator[Page]:
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
    until(page, "!painter.session.running && document.getElementById('status').textContent.startsWith('Matted in')")


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
    page.locator("#stage").scroll_into_view_if_needed()
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
