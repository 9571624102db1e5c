"""Peak resident memory of whole processes: one picture through `Engine.run`, and through ONNX Runtime.

    python -m benchmarks.memory --model full --size 1920x1080
    python -m benchmarks.memory --model full --size 3840x2160 --no-onnxruntime --limit-mb 4096

Each runs in a process of its own that imports nothing else; every pixel unknown but one. Needs the extras train and
dev, and Linux.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import dim_trt
from benchmarks.measure import ROOT, add_json_argument, default_threads, manifest, write_json
from benchmarks.networks import MODEL_HELP, load_network
from benchmarks.peers.engine import int8_threshold
from benchmarks.records import Memory
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.precisions import PRECISIONS
from training.model import STRIDE

SIDES = ("height", "width")
REPORT = """
import time
from benchmarks.peak_memory import peak_memory_mb
start = time.perf_counter()
run()
seconds = time.perf_counter() - start
print(peak_memory_mb(), f"{seconds:.2f}")
"""
ENGINE = """
import numpy as np
from dim_trt import Engine
engine = Engine({plan!r}, device="cpu", threads={threads})
img = np.random.default_rng(0).integers(0, 256, ({height}, {width}, 3), dtype=np.uint8)
trimap = np.full(({height}, {width}), 128, np.uint8)
trimap[0, 0] = 0
run = lambda: engine.run(img, trimap)
"""
ONNXRUNTIME = """
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = {threads}
session = onnxruntime.InferenceSession({onnx!r}, options, providers=["CPUExecutionProvider"])
x = np.random.default_rng(0).standard_normal((1, 4, {padded_height}, {padded_width}), dtype=np.float32)
run = lambda: session.run(None, {{"input": x}})
"""


def records(args: argparse.Namespace) -> Iterator[Memory]:
    with tempfile.TemporaryDirectory() as folder:
        onnx, plan = load_network(args.model, Path(folder)).onnx, Path(folder) / "dim.plan"
        threshold = int8_threshold(onnx) if args.precision == "int8" else None
        dim_trt.build_plan(onnx, plan, precision=args.precision, backend="cpu", threshold=threshold)
        height, width = args.size
        padded = {f"padded_{name}": -(-side // STRIDE) * STRIDE for name, side in zip(SIDES, args.size, strict=True)}
        about = {"height": height, "width": width, "threads": args.threads}
        programs = {"dim_trt": ENGINE} if args.no_onnxruntime else {"dim_trt": ENGINE, "onnxruntime": ONNXRUNTIME}
        ours = 0
        for name, program in programs.items():
            source = program.format(onnx=str(onnx), plan=str(plan), **about, **padded) + REPORT
            output = subprocess.run(
                [sys.executable, "-c", source], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
            ).stdout
            megabytes, seconds = output.split()
            ours = ours or int(megabytes)
            yield Memory(
                engine="dim_trt",
                peer=name,
                model=args.model,
                precision=args.precision if name == "dim_trt" else "fp32",
                **about,
                peak_memory_mb=int(megabytes),
                first_run_s=float(seconds),
                memory_ratio=round(int(megabytes) / ours, 3),
                made=manifest(),
            )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="full", help=MODEL_HELP)
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of the plan")
    parser.add_argument("--size", type=parse_size, default=(1080, 1920), metavar=SIZE_FORMAT, help="default: 1920x1080")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--no-onnxruntime", action="store_true", help="the engine alone, for sizes the other cannot do")
    parser.add_argument("--limit-mb", type=int, help="exit with 1 where the engine takes more")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    print(f"{args.model}, {args.size[1]}x{args.size[0]}, {args.threads} threads\n")
    print("| | peak memory, MB | memory / dim_trt | first run, s |\n| --- | ---: | ---: | ---: |")
    table = []
    for row in records(args):
        print(f"| {row.peer} | {row.peak_memory_mb} | {row.memory_ratio:.2f} | {row.first_run_s:.2f} |")
        table.append(row)
    write_json(args.json, table)
    if args.limit_mb is not None and table[0].peak_memory_mb > args.limit_mb:
        sys.exit(f"dim_trt took {table[0].peak_memory_mb} MB, more than {args.limit_mb}")


if __name__ == "__main__":
    main()
