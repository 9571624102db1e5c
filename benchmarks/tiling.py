"""A large picture whole and in tiles: the difference in alpha, and the peak memory of a process that does nothing else.

    python -m benchmarks.tiling                              # 3840x2160 within 512 MB
    python -m benchmarks.tiling --size 7680x4320

A drawn scene, or with `--unknown all` noise of which every pixel is unknown, through the shipped weights. Exits with 1
where alpha differs by more than 1e-5, or where nothing is cut. Needs the extras train and dev, and Linux.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

import dim_trt
from benchmarks.measure import ROOT, default_threads
from benchmarks.pictures import scene, stripe
from dim_trt.arguments import SIZE_FORMAT, parse_size

TOLERANCE = 1e-5
RUN = """
import sys, time
import numpy as np
from benchmarks.peak_memory import peak_memory_mb
from dim_trt import Engine

plan, picture, result, threads, limit_mb = sys.argv[1:]
engine = Engine(plan, device="cpu", threads=int(threads), color="rgb", memory_limit_mb=int(limit_mb))
img, trimap = (np.load(f"{picture}.{name}.npy") for name in ("img", "trimap"))
alpha = np.full(trimap.shape, np.nan, np.float32)
before, start = peak_memory_mb(), time.perf_counter()
engine.run(img, trimap, out=alpha)
peak = peak_memory_mb()
print(len(engine._core.tiles(trimap)), peak, peak - before, f"{time.perf_counter() - start:.1f}")
np.save(result, alpha)
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tiling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=parse_size, default=(2160, 3840), metavar=SIZE_FORMAT, help="default: 3840x2160")
    parser.add_argument("--memory-limit-mb", type=int, default=512, help="of the engine; default: %(default)s")
    parser.add_argument("--unknown", choices=("scene", "all"), default="scene")
    parser.add_argument("--threads", type=int, default=default_threads())
    args = parser.parse_args(argv)
    height, width = args.size
    picture = scene(height, width) if args.unknown == "scene" else stripe(height, width, 1.0)
    print(f"{picture.name}, {picture.unknown.mean():.0%} unknown, {args.threads} threads\n")
    print("| | tiles | peak memory, MB | of it the run's | s |\n| --- | ---: | ---: | ---: | ---: |")
    alphas, tiles = [], []
    with tempfile.TemporaryDirectory() as folder:
        plan, stored, result = (f"{folder}/{name}" for name in ("lite.plan", "picture", "alpha.npy"))
        dim_trt.build_plan(None, plan, backend="cpu")
        np.save(f"{stored}.img.npy", picture.img)
        np.save(f"{stored}.trimap.npy", picture.trimap)
        for name, limit_mb in (("whole", 0), (f"within {args.memory_limit_mb} MB", args.memory_limit_mb)):
            command = [sys.executable, "-c", RUN, plan, stored, result, str(args.threads), str(limit_mb)]
            figures = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            print(f"| {name} | {' | '.join(figures)} |", flush=True)
            alphas.append(np.load(result))
            tiles.append(int(figures[0]))
    difference = float(np.abs(alphas[0] - alphas[1]).max())
    print(f"\nlargest difference: {difference:.1e}")
    if tiles[0] != 1 or tiles[1] < 2:
        sys.exit(f"expected 1 tile and several, got {tiles[0]} and {tiles[1]}: choose another size or limit")
    if not difference <= TOLERANCE:
        sys.exit(f"alpha differs by more than {TOLERANCE}")


if __name__ == "__main__":
    main()
