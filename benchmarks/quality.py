"""Quality beside speed beside memory: SAD, MSE, gradient and connectivity error of each method on pictures with truth.

    python -m benchmarks.quality --alphamatting DIR --json out/quality.json
    python -m benchmarks.quality --scenes 2

The shipped weights as plans that store them in each precision and compute in fp32, and as one that computes in int8;
the same weights in PyTorch, ONNX Runtime and OpenVINO, in fp32 and quantized by their own tools; matting without a
network (pymatting); and alpha = 0.5 as what knowing nothing scores.
Every method has a process of its own, which says how long a picture takes it (from the decoded picture to alpha, the
median of its runs) and how much memory it ever held. Unknown region only. Needs the extras train and dev.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.latency.cold import Cold, measure_cold
from benchmarks.markdown import table
from benchmarks.measure import add_json_argument, default_threads, manifest, write_json
from benchmarks.methods import (
    BF16,
    CLOSED_FORM,
    ENGINE,
    ENGINE_CLOSED_FORM,
    ENGINE_INT8,
    KNN,
    ONNXRUNTIME,
    ONNXRUNTIME_INT8,
    OPENVINO_BF16,
    OPENVINO_INT8,
    PEERS,
    PYTORCH,
    TITLES,
    available,
    build_files,
)
from benchmarks.networks import MODEL_HELP, SHIPPED, load_network
from benchmarks.peers.engine import int8_plan
from benchmarks.pictures import Picture, alphamatting, digest, scene, truth_of
from benchmarks.records import Change, Cost, PictureScore, Quality
from dim_trt.files import file_digest
from dim_trt.precisions import PRECISIONS
from dim_trt.scoring.metrics import METRICS
from dim_trt.scoring.metrics import measure as score

HALF = "alpha = 0.5"
BESIDE = (
    ENGINE_INT8,
    ENGINE_CLOSED_FORM,
    PYTORCH,
    ONNXRUNTIME,
    BF16,
    ONNXRUNTIME_INT8,
    OPENVINO_BF16,
    OPENVINO_INT8,
    CLOSED_FORM,
    KNN,
)
SCENE_SIZE = (288, 352)
progress_bar = functools.partial(tqdm, leave=False, disable=None)


class Entry(NamedTuple):
    """A method and what it computes in; of the engine in fp32, how the plan stores its weights."""

    method: str
    precision: str | None = None

    @property
    def title(self) -> str:
        name = TITLES.get(self.method, self.method)
        if self.method != ENGINE:
            return name
        return f"{name}, fp32" if self.precision == "fp32" else f"{name}, {self.precision} weights"


def picture_sets(args: argparse.Namespace) -> dict[str, list[Picture]]:
    if args.alphamatting:
        return {
            name: list(itertools.islice(alphamatting(args.alphamatting, name), args.limit)) for name in args.trimaps
        }
    from training.scenes.families import FAMILIES

    numbers = itertools.islice(itertools.product(range(args.scenes), FAMILIES), args.limit)
    scenes = [scene(*SCENE_SIZE, family, number) for number, family in numbers]
    return {"scenes": [picture._replace(name=f"{i:03}") for i, picture in enumerate(scenes)]}


def entries(args: argparse.Namespace) -> list[Entry]:
    peers = [Entry(name, PEERS[name].precision if PEERS[name].is_network else None) for name in available(args.peers)]
    return [*(Entry(ENGINE, precision) for precision in args.weights), *peers, Entry(HALF)]


def run_entry(
    args: argparse.Namespace,
    entry: Entry,
    pictures: Sequence[Picture],
    network: Any,
    folder: Path,
    *,
    once: bool = False,
) -> tuple[Cold, int | None]:
    """The method's process, and the bytes of the plan it loaded. once: where its times are of no use."""
    if entry.method == HALF:
        half = {picture.name: np.full(picture.trimap.shape, 0.5, np.float32) for picture in pictures}
        return Cold(0, 0, 0, dict.fromkeys(half, 0.0), half), None
    ours = entry.precision if entry.method == ENGINE else None
    files, _ = build_files(network.onnx, network.model, folder, [entry.method], weights=ours)
    plan = {ENGINE: files.plan, ENGINE_INT8: int8_plan(files)}.get(entry.method)
    size = plan.stat().st_size if plan else None
    return measure_cold(entry.method, files, args.threads, pictures, once=once), size


def record(
    args: argparse.Namespace,
    trimaps: str,
    entry: Entry,
    cold: Cold,
    first: Cold,
    pictures: Sequence[Picture],
    plan_bytes: int | None,
    weights: str,
) -> Quality:
    """Means over the pictures. `weights`: SHA-256 of the network's ONNX file."""
    scores = [score(cold.alphas[p.name], truth_of(p), p.trimap) for p in pictures]
    cost = Cost(
        seconds_per_picture=round(float(np.mean(list(cold.seconds.values()))), 4),
        load_s=round(cold.load_s, 3),
        first_run_s=round(cold.first_run_s, 3),
        peak_memory_mb=cold.peak_memory_mb,
    )
    return Quality(
        engine=ENGINE,
        peer=entry.method,
        title=entry.title,
        model=args.model if entry.precision else "none",
        precision=entry.precision,
        data="alphamatting" if args.alphamatting else "scenes",
        trimaps=trimaps,
        n=len(pictures),
        megapixels=round(float(np.mean([p.trimap.size for p in pictures])) / 1e6, 3),
        unknown_fraction=round(float(np.mean([p.unknown.mean() for p in pictures])), 4),
        threads=args.threads,
        **{name: round(float(np.mean([each[name] for each in scores])), 6) for name in METRICS},
        change=change(cold, first, pictures) if entry.precision else None,
        cost=None if entry.method == HALF else cost,
        pictures={
            p.name: PictureScore(sad=round(each["sad"], 4), seconds=round(cold.seconds[p.name], 4))
            for p, each in zip(pictures, scores, strict=True)
        },
        pictures_sha256=digest(pictures),
        plan_bytes=plan_bytes,
        weights=weights if entry.precision else None,
        scored=None,
        made=manifest(),
    )


def change(cold: Cold, first: Cold, pictures: Sequence[Picture]) -> Change:
    """Of alpha, over all unknown pixels."""
    found = np.concatenate([np.abs(cold.alphas[p.name] - first.alphas[p.name])[p.unknown] for p in pictures])
    return Change(max_change=float(found.max()), mean_change=float(found.mean(dtype=np.float64)))


def records(args: argparse.Namespace) -> list[Quality]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        network = load_network(args.model, Path(name))
        weights = file_digest(network.onnx)
        for set_name, pictures in picture_sets(args).items():
            first = None
            for entry in progress_bar(entries(args), desc=set_name):
                if entry.method == KNN and set_name not in args.knn_on:
                    continue
                cold, plan_bytes = run_entry(args, entry, pictures, network, Path(name))
                first = first or cold
                rows.append(record(args, set_name, entry, cold, first, pictures, plan_bytes, weights))
    return rows


def print_tables(rows: Sequence[Quality]) -> None:
    for trimaps in dict.fromkeys(row.trimaps for row in rows):
        same = [row for row in rows if row.trimaps == trimaps]
        print(f"\n{same[0].data}, {trimaps}, unknown region, n={same[0].n}, {same[0].megapixels} megapixels\n")
        head = [
            "",
            "SAD",
            "MSE",
            "gradient",
            "connectivity",
            "s / picture",
            "peak memory MB",
            "max change",
            "mean change",
        ]
        print(table(head, [_cells(row) for row in same]))
    print("\nchange: of alpha against the first method's, unknown region")


def _cells(row: Quality) -> list[str]:
    metrics = [f"{row.sad:.3f}", f"{row.mse:.5f}", f"{row.gradient:.3f}", f"{row.connectivity:.3f}"]
    cost = [f"{row.cost.seconds_per_picture:.3f}", str(row.cost.peak_memory_mb)] if row.cost else ["", ""]
    changes = [f"{row.change.max_change:.1e}", f"{row.change.mean_change:.1e}"] if row.change else ["", ""]
    return [row.title, *metrics, *cost, *changes]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--alphamatting", type=Path, metavar="DIR", help="holds input/, trimap1/, trimap2/ and gt/")
    what.add_argument("--scenes", type=int, metavar="N", help="drawn scenes of each family, which no training run has")
    parser.add_argument("--trimaps", nargs="+", default=["trimap1", "trimap2"], help="folders in --alphamatting")
    parser.add_argument("--model", default=SHIPPED, help=MODEL_HELP)
    parser.add_argument("--weights", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="plans that store them so")
    parser.add_argument("--peers", nargs="*", choices=BESIDE, default=BESIDE, help="default: all")
    parser.add_argument(
        "--knn-on", nargs="*", default=["trimap1", "scenes"], help="where KNN, the slowest, runs; default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--limit", type=int, help="only so many pictures")
    add_json_argument(parser)
    args = parser.parse_args(argv)
    if args.scenes is not None and args.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {args.scenes}")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    rows = records(args)
    print_tables(rows)
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
