"""What fp16 and int8 arithmetic do to alpha: fp32, fp16 and int8 graphs for TensorRT, on ONNX Runtime's CPU provider.

    python -m benchmarks.precision --alphamatting DIR
    python -m benchmarks.precision --onnx dim.onnx --scenes 12 --calibration DIR

ONNX Runtime computes float16 graphs in float32 and leaves out the rounding between the nodes, whatever its
optimisation level. So each float16 result is rounded by a pair of Casts, which it does keep (dim_trt.graph.emulate),
and its own treatment of QuantizeLinear and DequantizeLinear is off. Sums are float32, as tensor cores can take them. No
GPU and no TensorRT are involved; figures of an engine can differ in the last digit.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from dim_trt.arrays import unknown_pixels
from dim_trt.errors import Error, InvalidInput
from dim_trt.files import write_atomic
from dim_trt.graph.calibrate import collect_ranges
from dim_trt.graph.emulate import emulate
from dim_trt.graph.export import export_model
from dim_trt.graph.load import Source, load_onnx
from dim_trt.graph.lower import import_graph
from dim_trt.graph.pictures import CalibrationPicture, read_pictures, shipped_pictures
from dim_trt.graph.precision import quantizable, to_fp16, to_int8
from dim_trt.graph.runtime import Session
from dim_trt.graph.sensitivity import THRESHOLD, choose_excluded, sensitivity
from dim_trt.pictures.files import read_image
from dim_trt.plans.builder import SHIPPED, onnx_file
from dim_trt.scoring.evaluation import alphamatting_samples
from dim_trt.scoring.metrics import sad
from dim_trt.trimaps import read_alpha, read_trimap

SCENE_SIZE = (384, 512)
SEED = 20  # not that of the shipped calibration pictures
progress_bar = functools.partial(tqdm, leave=False, disable=None)


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Of the graphs for TensorRT; changes are against fp32."""

    precision: str
    n: int
    sad: float
    sad_change_percent: float
    max_change: float
    mean_change: float


@dataclass
class Scores:
    """One precision: SAD of each picture, and the change of alpha against fp32 over all unknown pixels."""

    sad: list[float] = field(default_factory=list)
    max_change: float = 0.0
    change_sum: float = 0.0
    unknown_px: int = 0

    def add(self, alpha: NDArray[Any], reference: NDArray[Any], truth: NDArray[Any], trimap: NDArray[np.uint8]) -> None:
        change = np.abs(alpha - reference)[unknown_pixels(trimap)]
        self.sad.append(sad(alpha, truth, trimap))
        self.max_change = max(self.max_change, float(change.max()))
        self.change_sum += float(change.sum(dtype=np.float64))
        self.unknown_px += change.size


def pictures_with_truth(args: argparse.Namespace) -> Iterator[tuple[CalibrationPicture, NDArray[np.float32]]]:
    if args.alphamatting:
        for sample in alphamatting_samples(args.alphamatting, "trimap1"):
            picture = CalibrationPicture(sample.name, read_image(sample.image), read_trimap(sample.trimap))
            yield picture, read_alpha(sample.truth, "truth")
        return
    from training.scenes.drawing import draw_scene
    from training.scenes.textures import Size

    for number in range(args.scenes):
        scene = draw_scene(np.random.default_rng((SEED, number)), Size(*SCENE_SIZE))
        yield CalibrationPicture(scene.family, np.ascontiguousarray(scene.image[:, :, ::-1]), scene.trimap), scene.alpha


def matte(session: Session, picture: CalibrationPicture, preprocessing: dict[str, Any]) -> NDArray[np.float32]:
    if preprocessing.get("resize"):
        raise InvalidInput("onnx: this network wants pictures scaled; expected one that is fed padded pictures")
    height, width = picture.trimap.shape
    x, _ = picture.network_input(preprocessing)
    alpha = session.run(x)[0][0, 0, :height, :width]
    known = picture.trimap.astype(np.float32) / 255
    pasted: NDArray[np.float32] = np.where(unknown_pixels(picture.trimap), np.clip(alpha, 0, 1), known)
    return pasted.astype(np.float32)


def quantized(source: Source, args: argparse.Namespace) -> tuple[onnx.ModelProto, list[str], list[dict[str, Any]]]:
    """The int8 graph (fp16 elsewhere), the layers left out for their sensitivity, and the whole report."""
    pictures = read_pictures(args.calibration) if args.calibration else shipped_pictures()
    graph = import_graph(source.proto)
    ranges = collect_ranges(graph, pictures, source.preprocessing, functools.partial(progress_bar, desc="ranges"))
    report = sensitivity(
        graph, pictures, source.preprocessing, ranges, functools.partial(progress_bar, desc="sensitivity")
    )
    excluded = choose_excluded(report, args.threshold)
    return emulate(export_model(to_int8(graph, ranges, excluded))), excluded, report


def layers_by_rule(source: Source) -> list[str]:
    """The convolutions that are never quantized."""
    graph = import_graph(source.proto)
    inner = {node.name for node in quantizable(graph)}
    return [node.name for node in graph.nodes if node.op == "Conv" and node.name not in inner]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__.split("\n")[0])
    parser.add_argument("--onnx", default=SHIPPED, help="a dim.onnx; default: the shipped model")
    pictures = parser.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--alphamatting", type=Path, metavar="DIR", help="holds input/, trimap1/ and gt/")
    pictures.add_argument("--scenes", type=int, metavar="N", help="drawn scenes instead; needs the extra train")
    parser.add_argument("--calibration", type=Path, metavar="DIR", help="pictures; default: the shipped ones")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        help="mean change of alpha that int8 may make; default: %(default)s",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    args = parser.parse_args()
    if args.scenes is not None and args.scenes < 1:
        parser.error("--scenes: expected a number from 1 up")
    try:
        run(args)
    except Error as failure:
        raise SystemExit(f"error: {failure}") from failure


def run(args: argparse.Namespace) -> None:
    with onnx_file(args.onnx) as path:
        source = load_onnx(path)
    int8, excluded, report = quantized(source, args)
    fp16 = emulate(export_model(to_fp16(import_graph(source.proto))))
    sessions = {name: Session(model) for name, model in (("fp32", source.proto), ("fp16", fp16), ("int8", int8))}
    table = {name: Scores() for name in sessions}
    for picture, truth in progress_bar(list(pictures_with_truth(args)), desc="pictures"):
        alphas = {name: matte(session, picture, source.preprocessing) for name, session in sessions.items()}
        for name, scores in table.items():
            scores.add(alphas[name], alphas["fp32"], truth, picture.trimap)
    rows = summary(table)
    print_table(rows)
    by_rule = ", ".join(layers_by_rule(source))
    print(
        f"int8: fp16 by rule: {by_rule}; by sensitivity (threshold {args.threshold}): {', '.join(excluded) or 'none'}"
    )
    if args.json:
        document = {"precisions": [asdict(row) for row in rows], "excluded": excluded, "sensitivity": report}
        write_atomic(args.json, [json.dumps(document, indent=1).encode() + b"\n"], what="json")


def summary(table: dict[str, Scores]) -> list[Precision]:
    first = float(np.mean(table["fp32"].sad))
    return [
        Precision(
            precision=name,
            n=len(scores.sad),
            sad=float(np.mean(scores.sad)),
            sad_change_percent=100 * (float(np.mean(scores.sad)) / first - 1),
            max_change=scores.max_change,
            mean_change=scores.change_sum / scores.unknown_px,
        )
        for name, scores in table.items()
    ]


def print_table(rows: list[Precision]) -> None:
    print(f"unknown region, n={rows[0].n} pictures; SAD = sum of |alpha - truth| / 1000, change of alpha against fp32")
    print(f"{'precision':10}{'SAD':>9}{'ΔSAD':>9}{'max abs':>10}{'mean abs':>11}")
    for row in rows:
        print(
            f"{row.precision:10}{row.sad:9.3f}{row.sad_change_percent:+8.2f}%{row.max_change:10.4f}{row.mean_change:11.6f}"
        )


if __name__ == "__main__":
    main()
