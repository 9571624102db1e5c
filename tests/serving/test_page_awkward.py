"""The page, in a real browser, when things do not go as planned: tiny pictures, haste, a service that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from dim_trt.pictures import quantize_alpha
from tests.serving.browsing import downloaded, needs_chromium, on_stage, opened, shown, stroke, until, visited
from tests.serving.conftest import Running, Serve
from tests.serving.pictures import img, png
from tests.support.stand_ins import SECONDS, eventually

pytestmark = needs_chromium

SIZE = (180, 240)
IMG = img(*SIZE)
REST = "!painter.session.running && !painter.session.pending && !painter.session.stale"
MODULES = "const { painter, view } = await import('/page/main.js');"


@pytest.fixture(scope="module")
def patient(serve: Serve) -> Running:
    return serve(body_s=SECONDS, header_s=SECONDS)


@pytest.fixture
def page(browser: Browser, patient: Running) -> Iterator[Page]:
    yield from visited(browser, patient)


def given(data: bytes, name: str = "a.png") -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def run(page: Page, script: str) -> Any:
    return page.evaluate(f"async () => {{ {MODULES} {script} }}")


def check_shown(page: Page, engine: Any, picture: Any = IMG) -> Any:
    """What is on the canvas is the engine's alpha of the page's trimap, in 8 bits."""
    until(page, REST)
    trimap = downloaded(page, "trimap")
    np.testing.assert_array_equal(shown(page, "alpha")[:, :, 0], quantize_alpha(engine.run(picture, trimap), 8))
    return trimap


def test_the_matte_follows_the_brush(page: Page, patient: Running) -> None:
    opened(page, given(png(IMG)))
    page.locator("[data-tool=foreground]").click()
    page.mouse.move(*on_stage(page, SIZE, (0.2, 0.2)))
    page.mouse.down()
    before = run(page, "return painter.session.version")
    for step in range(30):
        page.mouse.move(*on_stage(page, SIZE, (0.2 + step / 60, 0.3)))
        page.wait_for_timeout(20)
    until(page, f"painter.session.version > {before} && !painter.session.running")
    assert (shown(page, "alpha")[:, :, 0] == 255).any(), "the button is still down"
    page.mouse.move(*on_stage(page, SIZE, (0.8, 0.8)))
    page.mouse.up()
    trimap = check_shown(page, patient.engine)
    assert (trimap == 255).mean() > 0.05
    assert run(page, "return painter.trimap.done.length") == 1, "one stroke is one step back"


def test_a_stroke_that_is_dropped_leaves_nothing(page: Page, patient: Running) -> None:
    opened(page, given(png(IMG)))
    stroke(page, "unknown", [(0.3, 0.3), (0.6, 0.6)], SIZE, px=30)
    before = check_shown(page, patient.engine)
    run(
        page,
        """painter.tool = "foreground"; painter.begin({ x: 20, y: 20 });
        await new Promise((done) => setTimeout(done, 300));
        painter.paint({ x: 200, y: 150 });
        await painter.session.running;
        painter.end(true);""",
    )
    np.testing.assert_array_equal(check_shown(page, patient.engine), before)


def test_fifty_undone_in_haste(page: Page, patient: Running) -> None:
    opened(page, given(png(IMG)))
    trimaps = run(
        page,
        """const made = [];
        for (let i = 0; i < 55; i++) {
            painter.tool = ["foreground", "unknown"][i % 2];
            painter.begin({ x: 10 + 4 * i, y: 20 + 2 * i });
            painter.end();
            if (i === 4) made.push(...painter.trimap.values);
        }
        return made;""",
    )
    page.locator("#stage").focus()
    for _ in range(60):
        page.keyboard.press("Control+z")
    expect(page.locator("#undo")).to_be_disabled()
    trimap = check_shown(page, patient.engine)
    np.testing.assert_array_equal(trimap.ravel(), trimaps)
    assert trimap.any()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 400), (400, 1)])
def test_the_smallest_pictures(page: Page, patient: Running, size: tuple[int, int]) -> None:
    picture = img(*size)
    opened(page, given(png(picture)))
    before = run(page, "return view.scale")
    page.locator("#zoom-in").click()
    assert run(page, "return view.scale") >= before
    page.locator("#zoom-fit").click()
    run(page, "painter.radius = 0.5; painter.begin({ x: 0.95, y: 0.05 }); painter.end();")
    trimap = check_shown(page, patient.engine, picture)
    assert (trimap == 255).sum() == 1, "the smallest brush paints a pixel"


def test_what_was_painted_outlives_the_service(browser: Browser, serve: Serve) -> None:
    first = serve(body_s=SECONDS, header_s=SECONDS)
    for page in visited(browser, first):
        error = page.locator("#error")
        opened(page, given(png(IMG)))
        stroke(page, "unknown", [(0.3, 0.3), (0.6, 0.6)], SIZE, px=30)
        check_shown(page, first.engine)
        first.server.should_exit = True
        eventually(lambda: first.engine._core is None)
        stroke(page, "foreground", [(0.2, 0.8), (0.6, 0.8)], SIZE, px=30)
        expect(error).to_contain_text("The service cannot be reached")
        page.locator("#downloads [data-output=alpha]").click()
        expect(error).to_contain_text("The service cannot be reached")
        page.locator("#example-chelsea").click()
        expect(error).to_contain_text("The service cannot be reached")
        second = serve(port=first.port, body_s=SECONDS, header_s=SECONDS)
        trimap = check_shown_after_download(page, second.engine)
        assert {0, 128, 255} <= set(np.unique(trimap))


def check_shown_after_download(page: Page, engine: Any) -> Any:
    """Asking for a download sends what did not get there."""
    assert set(np.unique(downloaded(page, "trimap"))) == {0, 128, 255}
    return check_shown(page, engine)


def held(client: httpx.Client) -> float:
    """How many pictures the service holds."""
    return float(client.get("/metrics").text.partition("\ndim_trt_pictures ")[2].split()[0])


def test_the_picture_asked_for_last_is_shown(page: Page, patient: Running) -> None:
    with patient.client() as client:
        before = held(client)
    opened(page, given(png(IMG)))
    page.set_input_files("#file", given(png(img(1500, 1500)), "large.png"))
    page.set_input_files("#file", given(png(img(30, 40)), "small.png"))
    until(page, "painter.layers.width === 40")
    with patient.client() as client:
        eventually(lambda: held(client) <= before + 1)  # fewer where older ones made room
    assert run(page, "return [painter.layers.width, painter.name]") == [40, "small"]


def test_a_window_of_another_size_keeps_what_is_looked_at(page: Page) -> None:
    opened(page, given(png(IMG)))
    page.set_viewport_size({"width": 1000, "height": 700})
    until(page, "view.stageWidth === view.stage.width && view.isFitted")
    fitted = run(page, "view.fit(240, 180); return view.scale")
    page.mouse.move(*on_stage(page, SIZE, (0.4, 0.6)))
    page.mouse.wheel(0, -900)
    middle = "const { stage } = view; return [view.scale, view.toPicture({ x: stage.width / 2, y: stage.height / 2 })]"
    scale, point = run(page, middle)
    assert scale > 2 * fitted
    page.set_viewport_size({"width": 900, "height": 640})
    until(page, "view.stageWidth === view.stage.width && view.stage.width < 700")
    after, moved = run(page, middle)
    assert after == scale
    assert abs(moved["x"] - point["x"]) + abs(moved["y"] - point["y"]) < 0.1


def test_the_brush_of_the_keys_stays_in_sight(page: Page) -> None:
    opened(page, given(png(IMG)))
    page.locator("#zoom-one").click()
    for _ in range(6):
        page.locator("#zoom-in").click()
    page.locator("#size").fill("80")  # the step is a quarter of it
    page.locator("#stage").focus()
    for key, x, y in [("ArrowRight", 240, 90), ("ArrowDown", 240, 180), ("ArrowLeft", 0, 180), ("ArrowUp", 0, 0)]:
        for _ in range(14):
            page.keyboard.press(key)
        at = run(page, f"return view.toStage({{ x: {x}, y: {y} }})")
        size = run(page, "return [view.stage.width, view.stage.height]")
        assert -1 <= at["x"] <= size[0] + 1
        if y != 90:
            assert -1 <= at["y"] <= size[1] + 1


def test_the_pointer_is_seen_where_there_is_no_brush(page: Page) -> None:
    cursor = "return getComputedStyle(view.stage).cursor"
    assert run(page, cursor) != "none"
    opened(page, given(png(IMG)))
    assert run(page, cursor) == "none"
    page.locator("#stage").focus()
    page.keyboard.down("Space")
    until(page, "getComputedStyle(view.stage).cursor === 'grab'")
    page.keyboard.up("Space")
    until(page, "getComputedStyle(view.stage).cursor === 'none'")


def test_a_composite_is_downloaded_as_it_is_shown(page: Page) -> None:
    opened(page, given(png(IMG)))
    page.locator("[name=view][value=picture]").check()  # and none is chosen
    composite = downloaded(page, "composite")
    assert len(np.unique(composite.reshape(-1, 3), axis=0)) == 2, "the checkerboard, as on the page"


def test_two_windows_do_not_disturb_each_other(browser: Browser, patient: Running, tmp_path: Path) -> None:
    for one in visited(browser, patient):
        for other in visited(browser, patient):
            for page, tool in ((one, "foreground"), (other, "unknown")):
                opened(page, given(png(IMG)))
                stroke(page, tool, [(0.3, 0.3), (0.6, 0.6)], SIZE, px=30)
            assert (check_shown(one, patient.engine) != 128).all()
            assert (check_shown(other, patient.engine) != 255).all()
