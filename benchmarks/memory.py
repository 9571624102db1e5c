"""Peak resident memory of whole processes: one picture through `Engine.run`, and through ONNX Runtime.

    python -m benchmarks.memory --model full --height 1080 --width 1920

Each runs in a process of its own that imports nothing else; random weights, every pixel unknown but one. Needs the
extras train and dev.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import dim_trt
from training.export import export_onnx
from training.model import CONFIGS, STRIDE, DeepImageMatting

REPORT = """
import resource, time
import numpy as np
start = time.perf_counter()
run()
seconds = time.perf_counter() - start
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, f"{seconds:.2f}")
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=sorted(CONFIGS), default="full")
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--threads", type=int, default=dim_trt.capabilities()["cpu"]["threads"])
    parser.add_argument("--no-onnxruntime", action="store_true", help="the engine alone, for sizes the other cannot do")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        onnx, plan = str(Path(folder) / "dim.onnx"), str(Path(folder) / "dim.plan")
        torch.manual_seed(0)
        export_onnx(DeepImageMatting(CONFIGS[args.model]).eval(), onnx)
        dim_trt.build_plan(onnx, plan, backend="cpu")
        padded = {f"padded_{side}": -(-getattr(args, side) // STRIDE) * STRIDE for side in ("height", "width")}
        names = {"onnx": onnx, "plan": plan, **vars(args), **padded}
        programs = {"dim_trt": ENGINE} if args.no_onnxruntime else {"dim_trt": ENGINE, "onnxruntime": ONNXRUNTIME}
        print(f"{args.model}, {args.height}x{args.width}, {args.threads} threads\n")
        print("| | peak memory, MB | first run, s |\n| --- | ---: | ---: |")
        for name, program in programs.items():
            command = [sys.executable, "-c", program.format(**names) + REPORT]
            megabytes, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(f"| {name} | {megabytes} | {seconds} |")


if __name__ == "__main__":
    main()
