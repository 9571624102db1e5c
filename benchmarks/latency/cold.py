"""A method in a process of its own: seconds to load it, to its first alpha and per picture, and peak resident memory.

`measure_cold` starts the process; what it runs is `python -m benchmarks.latency.cold`. Linux only, as it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.methods import Files, load, thread_environment
from benchmarks.peak_memory import peak_memory_mb
from benchmarks.pictures import Picture

REPEAT_S = 1.0  # a picture is run again until it took this long
MAX_RUNS = 5
ROOT = Path(__file__).parents[2]


class Cold(NamedTuple):
    """seconds: by picture, the median of its runs; the first picture's first run is apart. alphas: by picture."""

    load_s: float
    first_run_s: float
    peak_memory_mb: int
    seconds: dict[str, float]
    alphas: dict[str, NDArray[np.float32]]


def measure_cold(method: str, files: Files, threads: int, pictures: Sequence[Picture], *, once: bool = False) -> Cold:
    """once: each picture is run a single time."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "in"), Path(folder, "out")
        inputs.mkdir()
        outputs.mkdir()
        for picture in pictures:
            np.savez(inputs / f"{picture.name}.npz", img=picture.img, trimap=picture.trimap)
        command = [sys.executable, "-m", "benchmarks.latency.cold", method, *map(str, files), str(inputs), str(outputs)]
        command += ["--threads", str(threads), *(["--once"] if once else [])]
        output = subprocess.run(
            command, cwd=ROOT, env=thread_environment(threads), check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        alphas = {picture.name: np.load(outputs / f"{picture.name}.npy") for picture in pictures}
    return Cold(**json.loads(output.splitlines()[-1]), alphas=alphas)


def run(method_name: str, files: Files, inputs: Path, outputs: Path, threads: int, once: bool) -> dict[str, Any]:
    begin = time.perf_counter()
    method = load(method_name, files, threads)
    load_s = time.perf_counter() - begin
    first_run_s = 0.0
    seconds = {}
    for path in sorted(inputs.iterdir()):
        with np.load(path) as content:
            given = content["img"], content["trimap"]
        times: list[float] = []
        while not times or (not once and len(times) < MAX_RUNS and sum(times) < REPEAT_S):
            begin = time.perf_counter()
            alpha = method.run(*given)
            taken = time.perf_counter() - begin
            if first_run_s or once:
                times.append(taken)
            first_run_s = first_run_s or taken
        seconds[path.stem] = float(np.median(times))
        np.save(outputs / f"{path.stem}.npy", alpha)
    return {"load_s": load_s, "first_run_s": first_run_s, "peak_memory_mb": peak_memory_mb(), "seconds": seconds}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency.cold", description=__doc__.split("\n")[0])
    parser.add_argument("method")
    for name in (*Files._fields, "inputs", "outputs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--once", action="store_true")
    args = parser.parse_args(argv)
    files = Files(*(getattr(args, name) for name in Files._fields))
    print(json.dumps(run(args.method, files, args.inputs, args.outputs, args.threads, args.once)))


if __name__ == "__main__":
    main()
