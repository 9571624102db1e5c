"""Latency of `Engine.run` beside PyTorch and ONNX Runtime: one network, one picture, one process, the same threads.

    python -m benchmarks.latency --model full --height 512 --width 512 --unknown 1.0 --json out/latency.json

The three take turns, so that a change of the machine's speed meets all of them. A turn starts with a pause, in which
the others' waiting threads fall asleep, and a run that is not counted. PyTorch and ONNX Runtime get the preprocessed
tensor; the engine's time includes its own pre- and postprocessing. Needs the extras train and dev.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

import dim_trt
from dim_trt.files import write_atomic
from training.export import export_onnx
from training.model import CONFIGS, DeepImageMatting
from training.preprocess import network_input, pad_to_stride

PAUSE_S = 0.2
RUNS_PER_TURN = 3
MIN_RUNS = 12
PERCENTILES = (50, 90, 95, 99)


def picture(height: int, width: int, unknown: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A noise picture, and a trimap: background, an unknown band with that fraction of the rows, foreground."""
    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    trimap = np.zeros((height, width), np.uint8)
    band = max(1, round(height * unknown))
    start = (height - band) // 2
    trimap[start : start + band] = 128
    trimap[start + band :] = 255
    if unknown >= 1:
        trimap[0, 0] = 0  # one known pixel: without any the engine warns
    return img, trimap


def measure(peers: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Latencies in ms of each peer, in turns of RUNS_PER_TURN, until there are enough and `seconds` are over."""
    latencies_ms: dict[str, list[float]] = {name: [] for name in peers}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(latencies_ms.values()))) < MIN_RUNS:
        for name, run in peers.items():
            time.sleep(PAUSE_S)
            run()
            for _ in range(RUNS_PER_TURN):
                begin = time.perf_counter()
                run()
                latencies_ms[name].append((time.perf_counter() - begin) * 1e3)
    return latencies_ms


def make_peers(
    args: argparse.Namespace, threads: int, folder: Path
) -> tuple[dict[str, Callable[[], Any]], dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """What to time, each one's alpha, and which pixels are unknown."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    model = DeepImageMatting(CONFIGS[args.model]).eval()
    export_onnx(model, folder / "dim.onnx")
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan", precision=args.precision)
    engine = dim_trt.Engine(folder / "dim.plan", threads=threads, color="rgb")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / "dim.onnx", options, providers=["CPUExecutionProvider"])

    img, trimap = picture(args.height, args.width, args.unknown)
    x = pad_to_stride(network_input(img, trimap))[None]
    model = model.to(memory_format=torch.channels_last)
    tensor = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run_torch() -> NDArray[np.float32]:
        alpha: NDArray[np.float32] = model(tensor)[0, 0, : args.height, : args.width].numpy()
        return alpha

    def run_onnxruntime() -> NDArray[np.float32]:
        alpha: NDArray[np.float32] = session.run(None, {"input": x})[0][0, 0, : args.height, : args.width]
        return alpha

    peers = {"dim_trt": lambda: engine.run(img, trimap), "pytorch": run_torch, "onnxruntime": run_onnxruntime}
    return peers, {name: run() for name, run in peers.items()}, trimap == 128


def records(args: argparse.Namespace) -> list[dict[str, Any]]:
    threads = args.threads or dim_trt.capabilities()["cpu"]["threads"]
    with tempfile.TemporaryDirectory() as folder:
        peers, alphas, unknown = make_peers(args, threads, Path(folder))
        latencies_ms = measure(peers, args.seconds)
    ours = float(np.median(latencies_ms["dim_trt"]))
    return [
        {
            "engine": "dim_trt",
            "peer": name,
            "model": args.model,
            "precision": args.precision if name == "dim_trt" else "fp32",
            "height": args.height,
            "width": args.width,
            "unknown_fraction": round(float(unknown.mean()), 4),
            "threads": threads,
            "latency_ms": {f"p{p}": round(float(np.percentile(times, p)), 3) for p in PERCENTILES},
            "runs": len(times),
            "ratio": round(float(np.median(times)) / ours, 3),
            "mean_abs_difference": float(np.abs(alphas[name] - alphas["dim_trt"])[unknown].mean()),
            "versions": {
                "dim_trt": dim_trt.__version__,
                "torch": torch.__version__,
                "onnxruntime": onnxruntime.__version__,
            },
            "machine": {"processor": processor(), "isa": dim_trt.capabilities()["cpu"]["isa"]},
        }
        for name, times in latencies_ms.items()
    ]


def processor() -> str:
    """The processor's own name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", choices=sorted(CONFIGS), default="full", help="random weights (default: %(default)s)"
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help="of the plan's weights")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--unknown", type=float, default=1.0, help="fraction of the rows (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="of each peer; 0 is every core (default)")
    parser.add_argument("--seconds", type=float, default=10.0, help="to measure at least (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the records there")
    args = parser.parse_args()
    table = records(args)
    first = table[0]
    print(
        f"{first['model']}, {first['height']}x{first['width']}, {first['unknown_fraction']:.0%} unknown, "
        f"{first['threads']} threads, {first['machine']['isa']}, {first['machine']['processor']}"
    )
    print("| | p50 ms | p90 ms | p99 ms | time / dim_trt | mean abs difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in table:
        ms = row["latency_ms"]
        print(
            f"| {row['peer']} | {ms['p50']:.1f} | {ms['p90']:.1f} | {ms['p99']:.1f} | {row['ratio']:.2f} "
            f"| {row['mean_abs_difference']:.1e} |"
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(args.json, [(json.dumps(table, indent=1) + "\n").encode()], what="json")


if __name__ == "__main__":
    main()
