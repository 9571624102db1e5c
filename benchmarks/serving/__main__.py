"""Requests of 1, 8 and 64 clients at a time, beside `submit` in this process; and strokes in a browser.

    python -m benchmarks.serving --size 512x512 --clients 1 8 64
    python -m benchmarks.serving --strokes 512x512 1920x1080 4000x3000
    rembg s --host 127.0.0.1 --no-ui &
    python -m benchmarks.serving --rembg http://127.0.0.1:7000/ --auto u2netp.onnx   # pictures alone, the same network

The service is a process of its own (`python -m dim_trt.serve`), on this machine, with the shipped model. A request's
time is from its first byte to the last one of its alpha; a client that is refused waits as long as it is told to, and
asks again. A stroke's time is from letting go of the mouse to the matte on the canvas: where it was painted (seen), and
wherever it changes alpha (all around). Strokes need Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import dim_trt
from benchmarks.markdown import table
from benchmarks.peak_memory import resident_mb
from benchmarks.pictures import Picture, thin_band
from benchmarks.serving.clients import Load, Wish, load
from benchmarks.serving.strokes import stroke_times
from dim_trt.arguments import SIZE_FORMAT, parse_size

UNKNOWN = 0.05  # of a picture's pixels
SLOW_MS = 600  # of a stroke that is painted by hand
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def service(*arguments: str) -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    command = [sys.executable, "-m", "dim_trt.serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def submitted(picture: Picture, seconds: float) -> float:
    """Pictures a second by `submit` alone: what the service is measured by."""
    with dim_trt.Engine("lite") as engine:
        engine.run(picture.img, picture.trimap)
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            for future in [engine.submit(picture.img, picture.trimap) for _ in range(2)]:
                future.result()
                done += 1
        return done / (time.perf_counter() - start)


def load_rows(what: str, url: str, wish: Wish, clients: Sequence[int], seconds: float) -> Iterator[list[str]]:
    """All cells but the last."""
    load(url, wish, 1, 1.0)  # its memory is laid out
    for count in clients:
        measured: Load = load(url, wish, count, seconds)
        p50, p99 = np.percentile(measured.ms or [np.nan], (50, 99))
        figures = (f"{len(measured.ms) / measured.seconds:.1f}", f"{p50:.0f} ms", f"{p99:.0f} ms")
        yield [f"{what}{count} clients", *figures, str(measured.refused)]


def load_table(size: tuple[int, int], clients: Sequence[int], seconds: float) -> str:
    picture = thin_band(*size, UNKNOWN)
    wish = Wish({"image": png(picture.img[:, :, ::-1]), "trimap": png(picture.trimap)})
    rows = [["`submit`, no service", f"{submitted(picture, seconds):.1f}", "", "", "", ""]]
    with service() as (url, pid):
        rows += [[*row, f"{resident_mb(pid):.0f} MB"] for row in load_rows("", url, wish, clients, seconds)]
    return table(["", "pictures/s", "p50", "p99", "refusals", "memory after"], rows)


def rembg_table(rembg: str, model: str, auto: str, clients: Sequence[int], seconds: float) -> str:
    """From a photograph to its cutout; both services on this machine, one after the other.

    rembg's own alpha matting takes seconds and refuses nobody, so it is asked by the fewest clients alone.
    """
    photograph = Path("samples/astronaut.png").read_bytes()
    file = {"file": photograph}
    theirs = Wish(file, {"model": model}, "api/remove")
    matting = Wish(file, {"model": model, "a": "true"}, "api/remove")
    ours = Wish({"image": photograph}, {"auto": "all", "output": "cutout"})
    rows = [
        *load_rows(f"rembg, {model}, its alpha matting, ", rembg, matting, sorted(clients)[:1], seconds),
        *load_rows(f"rembg, {model}, ", rembg, theirs, clients, seconds),
    ]
    with service("--auto", auto) as (url, _):
        rows += load_rows(f"ours, {Path(auto).stem}, ", url, ours, clients, seconds)
    return table(["", "pictures/s", "p50", "p99", "refusals"], rows)


def stroke_table(sizes: Sequence[tuple[int, int]], count: int) -> str:
    if CHROMIUM is None:
        raise SystemExit("error: strokes need a Chromium: apt-get install chromium")
    rows = []
    with service() as (url, _):
        for size in sizes:
            picture = thin_band(*size, UNKNOWN)
            files = png(picture.img[:, :, ::-1]), png(picture.trimap)
            for how, stroke_ms in (("at once", 0), (f"in {SLOW_MS} ms", SLOW_MS)):
                ms = stroke_times(url, CHROMIUM, files, count, stroke_ms)
                figures = [f"{np.percentile(ms[:, of], share):.0f} ms" for of in (0, 1) for share in (50, 95)]
                rows.append([f"{size[1]}×{size[0]}", how, *figures, str(count)])
    return table(["picture", "painted", "seen, p50", "p95", "all around, p50", "p95", "strokes"], rows)


def png(levels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(levels))[1])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64], metavar="N", help="default: 1 8 64")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of clients; default: %(default)s")
    parser.add_argument("--strokes", type=parse_size, nargs="*", default=[], metavar=SIZE_FORMAT, help="default: none")
    parser.add_argument("--count", type=int, default=30, help="strokes on each picture; default: %(default)s")
    parser.add_argument("--rembg", metavar="URL", help="of rembg's own server, to compare with")
    parser.add_argument("--rembg-model", default="u2netp", help="default: %(default)s")
    parser.add_argument(
        "--auto", default="salient", help="our service's network beside it; default: %(default)s, our own"
    )
    args = parser.parse_args(argv)
    tables = itertools.chain(
        [load_table(args.size, args.clients, args.seconds)] if args.clients and not args.rembg else [],
        [rembg_table(args.rembg, args.rembg_model, args.auto, args.clients, args.seconds)] if args.rembg else [],
        [stroke_table(args.strokes, args.count)] if args.strokes else [],
    )
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
