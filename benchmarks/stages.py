"""Where the time of one run goes: milliseconds of each layer, the engine's beside ONNX Runtime's.

    python -m benchmarks.stages --model full --size 512x512 --trimap dense

The engine's layers contain what it does on the way: pooling with the convolution before, unpooling and the skip
connection with the one after. ONNX Runtime's nodes are added up in the same way. The two take turns; figures are
medians. ONNX Runtime's profiler is on, which costs it a little. Needs the extras train and dev.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]

import dim_trt
from benchmarks.measure import PAUSE_S, add_json_argument, default_threads, manifest, write_json
from benchmarks.networks import MODEL_HELP, Network, load_network
from benchmarks.pictures import UNKNOWN, Picture, noise, stripe, thin_band
from benchmarks.records import Stages
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.trimaps import read_trimap
from training.data.preprocess import network_input

BAND = 0.05
CONV = "Conv"  # ONNX Runtime's name of a convolution, the ReLU it has taken in included
BETWEEN = "between the layers"

Milliseconds = dict[str, float]  # by layer, in the order they run


class Profile(NamedTuple):
    stages: Milliseconds
    outside_conv_ms: float  # of the whole; for ONNX Runtime pooling and unpooling are outside, too
    total_ms: float


def picture_of(trimap: str, sides: tuple[int, int]) -> Picture:
    if trimap == "dense":
        return stripe(*sides, 1.0)
    if trimap == "band":
        return thin_band(*sides, BAND)
    labels = read_trimap(Path(trimap))
    labels = np.where((labels == 0) | (labels == 255), labels, np.uint8(UNKNOWN))
    return Picture(Path(trimap).stem, noise(*labels.shape), labels)


def profile_engine(engine: dim_trt.Engine, picture: Picture, convolutions: Sequence[str]) -> Profile:
    begin = time.perf_counter()
    times = engine.profile(picture.img, picture.trimap)
    total_ms = 1e3 * (time.perf_counter() - begin)
    stages: Milliseconds = defaultdict(float)
    for name, ms in times:
        stages[name] += ms
    stages[BETWEEN] = max(0.0, total_ms - sum(stages.values()))
    return Profile(dict(stages), total_ms - sum(stages.get(name, 0.0) for name in convolutions), total_ms)


def read_profile(path: Path, runs: int) -> list[Profile]:
    """What ONNX Runtime has written about so many runs."""
    events = sorted(json.loads(path.read_text()), key=lambda event: event.get("ts", 0))
    nodes = [e for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
    totals = [e["dur"] / 1e3 for e in events if e["name"] == "model_run"]
    if len(totals) != runs or len(nodes) % runs:
        raise SystemExit(
            f"ONNX Runtime's profile holds {len(totals)} runs and {len(nodes)} nodes, {runs} runs were made"
        )
    each = len(nodes) // runs
    return [_profile(nodes[i * each : (i + 1) * each], total) for i, total in enumerate(totals)]


def _profile(nodes: Sequence[Mapping[str, Any]], total_ms: float) -> Profile:
    """Adds what belongs to a convolution to its time: what comes before it prepares its input, or what comes after."""
    stages: Milliseconds = defaultdict(float)
    conv_ms = waiting_ms = 0.0
    last = ""
    for node in nodes:
        name, ms, op = _layer(node["name"]), node["dur"] / 1e3, node["args"]["op_name"]
        if op == CONV:
            conv_ms += ms
            last, ms, waiting_ms = name, ms + waiting_ms, 0.0
        elif op == "ReorderInput" or name.startswith("unpool"):
            waiting_ms += ms
            continue
        elif op in ("ReorderOutput", "MaxPool"):
            name = last
        stages[name] += ms
    stages[BETWEEN] = max(0.0, total_ms - sum(stages.values()))
    return Profile(dict(stages), total_ms - conv_ms, total_ms)


def _layer(node: str) -> str:
    """A node's name without what optimisation has added: "conv1_1_relu.out_nchwc_kernel_time" is conv1_1."""
    return node.removesuffix("_kernel_time").removesuffix("_nchwc").removesuffix(".out").removesuffix("_relu")


def median(profiles: Sequence[Profile]) -> Profile:
    names = list(dict.fromkeys(name for profile in profiles for name in profile.stages))
    stages = {name: float(np.median([p.stages.get(name, 0.0) for p in profiles])) for name in names}
    outside, total = (float(np.median(values)) for values in zip(*(p[1:] for p in profiles), strict=True))
    return Profile(stages, outside, total)


def profiles(network: Network, picture: Picture, threads: int, runs: int, folder: Path) -> tuple[Profile, Profile]:
    """The engine's and ONNX Runtime's, in turns; of each turn the second run counts."""
    plan = folder / "dim.plan"
    dim_trt.build_plan(network.onnx, plan, backend="cpu")
    engine = dim_trt.Engine(plan, device="cpu", threads=threads, color="rgb")
    convolutions = [node.name for node in onnx.load(network.onnx).graph.node if node.op_type == CONV]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "onnxruntime")
    session = onnxruntime.InferenceSession(network.onnx, options, providers=["CPUExecutionProvider"])
    x = network_input(picture.img, picture.trimap)[None]
    ours = []
    for _ in range(runs):
        time.sleep(PAUSE_S)
        ours.append([profile_engine(engine, picture, convolutions) for _ in range(2)][1])
        time.sleep(PAUSE_S)
        for _ in range(2):
            session.run(None, {"input": x})
    theirs = read_profile(Path(session.end_profiling()), 2 * runs)[1::2]
    return median(ours), median(theirs)


def print_table(ours: Profile, theirs: Profile) -> None:
    print("| layer | dim_trt ms | ONNX Runtime ms | ratio |\n| --- | ---: | ---: | ---: |")
    for name in dict.fromkeys((*theirs.stages, *ours.stages)):
        a, b = ours.stages.get(name), theirs.stages.get(name)
        cells = " | ".join("" if ms is None else f"{ms:.2f}" for ms in (a, b))
        print(f"| {name} | {cells} | {f'{b / a:.2f}' if a and b else ''} |")
    print(f"| **sum** | {ours.total_ms:.2f} | {theirs.total_ms:.2f} | {theirs.total_ms / ours.total_ms:.2f} |")
    shares = [f"{p.outside_conv_ms / p.total_ms:.1%}" for p in (ours, theirs)]
    print(f"| outside convolutions | {shares[0]} | {shares[1]} | |")


def records(args: argparse.Namespace, picture: Picture, ours: Profile, theirs: Profile) -> list[Stages]:
    height, width = picture.trimap.shape
    return [
        Stages(
            engine="dim_trt",
            model=args.model,
            precision="fp32",
            height=height,
            width=width,
            unknown_fraction=round(float(picture.unknown.mean()), 4),
            threads=args.threads,
            runs=args.runs,
            peer=name,
            total_ms=round(profile.total_ms, 3),
            outside_convolutions=round(profile.outside_conv_ms / profile.total_ms, 4),
            ratio=round(profile.total_ms / ours.total_ms, 3),
            stages_ms={stage: round(ms, 4) for stage, ms in profile.stages.items()},
            made=manifest(),
        )
        for name, profile in (("dim_trt", ours), ("onnxruntime", theirs))
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="full", help=MODEL_HELP)
    parser.add_argument("--size", type=parse_size, default=(512, 512), metavar=SIZE_FORMAT, help="default: 512x512")
    parser.add_argument("--trimap", default="dense", metavar="band|dense|FILE", help="a FILE has its own size")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--runs", type=int, default=12, help="of each (default: %(default)s)")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    picture = picture_of(args.trimap, args.size)
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(args.model, Path(folder))
        ours, theirs = profiles(network, picture, args.threads, args.runs, Path(folder))
    height, width = picture.trimap.shape
    print(f"{args.model}, {width}x{height}, {picture.unknown.mean():.1%} unknown, {args.threads} threads\n")
    print_table(ours, theirs)
    write_json(args.json, records(args, picture, ours, theirs))


if __name__ == "__main__":
    main()
