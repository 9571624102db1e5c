"""Where the time goes from a picture's files to a cutout's: reading, alpha, colors, encoding, writing.

    python -m benchmarks.file_stages                         # a JPEG of 12 megapixels to a PNG with alpha
    python -m benchmarks.file_stages --size 6000x4000 --cutout webp

The sample picture, scaled, with noise like a camera's, through the shipped weights; medians of the runs. It takes the
steps of `dim_trt.renditions`, one after the other.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import dim_trt
from benchmarks.markdown import table
from benchmarks.measure import ROOT, default_threads, processor, take_turns
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.files import StrPath, write_together
from dim_trt.pictures import Look, as_image, encode, read_image, render, to_8_bits
from dim_trt.pictures.encoding import suffix_of
from dim_trt.pictures.files import read_picture
from dim_trt.trimaps import read_trimap

NOISE = 3.0  # levels, standard deviation
JPEG_QUALITY = 92


def write_sources(folder: Path, size: tuple[int, int]) -> tuple[Path, Path]:
    """A JPEG picture and a PNG trimap of this (height, width)."""
    image, trimap = folder / "image.jpg", folder / "trimap.png"
    sample, known = (ROOT / "samples" / name for name in ("astronaut.png", "astronaut_trimap.png"))
    large = cv2.resize(read_image(sample), size[::-1], interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, NOISE, large.shape)
    noisy = np.clip(np.rint(large + noise), 0, 255).astype(np.uint8)
    labels = np.asarray(cv2.resize(read_trimap(known), size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    image.write_bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
    trimap.write_bytes(encode(labels, ".png"))
    return image, trimap


def matte_once(engine: dim_trt.Engine, sources: tuple[Path, Path], results: dict[str, Path]) -> dict[str, float]:
    """Milliseconds of each stage; results: "alpha" and "cutout"."""
    ms: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        ms[name] = (time.perf_counter() - begin) * 1e3

    def estimate(pixels: Any, alpha: Any) -> tuple[Any, Any]:
        with stage("colors"):
            return engine.foreground(pixels, alpha)

    with stage("read the picture"):
        image = as_image(read_picture(sources[0]))
        img = to_8_bits(image.pixels)
    with stage("read the trimap"):
        trimap = read_trimap(sources[1])
    with stage("alpha"):
        alpha = engine.run(img, trimap)
    with stage("render"):
        made = render(image, alpha, Look((("alpha", 8), ("cutout", 8)), estimate=estimate))
    ms["render"] -= ms["colors"]
    files: dict[StrPath, Iterable[bytes]] = {}
    for (name, _), levels in made.items():
        suffix = suffix_of(results[name])
        with stage(f"encode the {name}, {suffix[1:].upper()}"):
            files[results[name]] = [encode(levels, suffix, image.icc_profile)]
    with stage("write"):
        write_together(files, what="picture")
    return ms


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.file_stages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=parse_size, default=(3000, 4000), metavar=SIZE_FORMAT, help="default: 4000x3000")
    parser.add_argument("--cutout", default="png", metavar="SUFFIX", help="of the cutout; default: %(default)s")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--runs", type=int, default=5, help="default: %(default)s")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_sources(folder, args.size)
        results = {"alpha": folder / "alpha.png", "cutout": folder / f"cutout.{args.cutout}"}
        engine = dim_trt.Engine("lite", device="cpu", threads=args.threads)
        taken = take_turns({"": lambda: matte_once(engine, sources, results)}, 0, args.runs)[""]
        medians = {stage: statistics.median(run[stage] for run in taken) for stage in taken[0]}
        total = sum(medians.values())
        rows = [(stage, f"{ms:.0f}", f"{ms / total:.0%}") for stage, ms in medians.items()]
        height, width = args.size
        print(f"{width}x{height} px, {args.threads} threads, {processor()}, {len(taken)} runs\n")
        print(table(("stage", "ms", "share"), [*rows, ("together", f"{total:.0f}", "100%")]))
        print(", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in (*sources, *results.values())))


if __name__ == "__main__":
    main()
