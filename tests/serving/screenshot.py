"""README's picture of the page: python -m tests.serving.screenshot -o docs/serve.png

python -m tests.serving.screenshot -o phone.png --size 390x844 --dark   # how it looks elsewhere
"""

from __future__ import annotations

import argparse
import io
import os
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import dim_trt
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.serving.app import application
from dim_trt.serving.server import server_for
from dim_trt.serving.settings import Settings
from tests.serving.browsing import CHROMIUM, opened, settled, stroke

# Along the astronaut's edge, clockwise from the lower left; x and y in 0..1.
EDGE = [
    (0.03, 1.0), (0.038, 0.77), (0.08, 0.59), (0.165, 0.44), (0.233, 0.348), (0.363, 0.29), (0.317, 0.226),
    (0.3, 0.134), (0.363, 0.05), (0.454, 0.024), (0.53, 0.05), (0.575, 0.12), (0.585, 0.19), (0.555, 0.25),
    (0.525, 0.31), (0.584, 0.42), (0.668, 0.515), (0.7, 0.64), (0.76, 0.675), (0.84, 0.685), (0.912, 0.713),
    (0.957, 0.8), (0.985, 0.9), (0.985, 1.0),
]  # fmt: skip
HAIR = [(0.31, 0.2), (0.34, 0.1), (0.45, 0.05), (0.55, 0.1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=parse_size, default=(850, 1200), metavar=SIZE_FORMAT, help="default: 1200x850")
    parser.add_argument("--dark", action="store_true", help="for people who prefer dark colors")
    args = parser.parse_args()
    settings, ports, listening = Settings(), list[int](), threading.Event()
    app = application(dim_trt.Engine("lite"), settings, auto="salient")
    server = server_for(app, settings, 0, lambda port: (ports.append(port), listening.set())[0])
    thread = threading.Thread(target=server.run)
    thread.start()
    listening.wait()
    try:
        with sync_playwright() as driver:
            options = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
            height, width = args.size
            scheme = "dark" if args.dark else "light"
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(f"http://127.0.0.1:{ports[0]}")
            opened(page)
            stroke(page, "unknown", EDGE, px=20)
            stroke(page, "unknown", HAIR, px=40)
            page.locator("#fill").check()
            stroke(page, "foreground", [(0.4, 0.75)])
            settled(page)
            data = page.screenshot(full_page=True)
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
    Image.open(io.BytesIO(data)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(args.output, optimize=True)
    print(args.output)


if __name__ == "__main__":
    main()
