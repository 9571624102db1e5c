"""One plan, in a process of its own: built, compared with PyTorch, timed. `benchmarks.gpu` starts it."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import dim_trt
from benchmarks.gpu.latency import Timings
from benchmarks.gpu.models import calibration_pictures, cases
from benchmarks.gpu.records import About, Accuracy, Build, Onnx, PictureAccuracy
from benchmarks.gpu.session import Combination, GpuSetup, Steps
from benchmarks.peers.engine import NONE_LEFT_OUT
from dim_trt import Engine
from dim_trt.arrays import unknown_pixels
from dim_trt.errors import BuildError, Error
from dim_trt.graph.load import load_onnx
from dim_trt.plans import tensorrt
from dim_trt.plans.builder import SHIPPED
from dim_trt.plans.tensorrt_network import make_network
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.scoring.metrics import sad

LARGEST_CASE = (512, 512)  # of the pictures that alpha is compared on
MAJORS = (8, 11)  # a rehearsal makes the ONNX for the versions that differ


class Worker:
    def __init__(self, settings: GpuSetup, combination: Combination):
        self.settings, self.combination = settings, combination
        self.plan = settings.file(f"{str(combination).replace(' ', '-')}.plan")
        self.steps = Steps(settings, About(peer="dim_trt", **asdict(combination)))

    def work(self) -> None:
        for major in MAJORS if self.settings.rehearsal else ():
            self.steps.do(f"ONNX for TensorRT {major}", functools.partial(self.make_onnx, major))
        if not self.plan.exists() and not self.steps.do("build", self.build):
            return
        self.steps.do("compare", self.compare)
        self.steps.do("timings", Timings(self.steps, self.plan).time_sizes)

    def options(self, folder: Path) -> TensorRtOptions:
        """`full` has random weights: small calibration pictures do, and no layer is too sensitive for int8."""
        largest = self.settings.largest_first()[0]
        maximum = tuple(max(sides) for sides in zip(LARGEST_CASE, *self.settings.sizes, strict=True))
        tiny = self.settings.rehearsal
        pictures = None
        if self.combination.precision == "int8" and (tiny or self.combination.model != SHIPPED):
            pictures = calibration_pictures(folder / "calibration", tiny)
        return TensorRtOptions(
            opt_size=largest,
            max_size=(maximum[0], maximum[1]),
            unpool=self.combination.unpool,
            calibration=pictures,
            threshold=None if self.combination.model == SHIPPED else NONE_LEFT_OUT,
            timing_cache=Path(self.settings.out) / "tensorrt.timing",
            layers_json=self.plan.with_suffix(".layers.json"),
        )

    def make_onnx(self, major: int) -> None:
        begin = time.perf_counter()
        source = load_onnx(self.onnx())
        options = self.options(Path(self.settings.work))
        network = make_network(source, self.combination.precision, options, major)
        operations = Counter(node.op_type for node in network.model.graph.node)
        record = Onnx(
            about=self.steps.about,
            tensorrt_major=major,
            nodes=operations.total(),
            plugins=sum(node.domain != "" for node in network.model.graph.node),
            quantized=operations["DequantizeLinear"],
            int8_excluded=network.excluded,
            megabytes=round(network.model.ByteSize() / 1e6, 2),
            seconds=round(time.perf_counter() - begin, 2),
            made=self.steps.made,
        )
        self.steps.records.add(record)

    def onnx(self) -> Path:
        return self.settings.file(f"{self.combination.model}.onnx")

    def build(self) -> None:
        """A plan whose layers do not have the precision asked for is measured all the same, and says so."""
        begin = time.perf_counter()
        options = None if self.settings.rehearsal else self.options(Path(self.settings.work))
        with remarks_instead_of_refusals() as remarks:
            header = dim_trt.build_plan(
                self.onnx(),
                self.plan,
                precision=self.combination.precision,
                backend=self.settings.backend,
                tensorrt=options,
            )
        record = Build(
            about=self.steps.about,
            seconds=round(time.perf_counter() - begin, 2),
            plan_megabytes=round(self.plan.stat().st_size / 1e6, 2),
            remarks=remarks,
            tensorrt=header.get("tensorrt", {}),
            layer_types=self.layer_types(),
            made=self.steps.made,
        )
        self.steps.records.add(record)

    def layer_types(self) -> dict[str, int]:
        """How many layers of each type the engine has; all that the inspector says goes to layers.jsonl."""
        path = self.plan.with_suffix(".layers.json")
        if not path.exists():
            return {}
        layers = json.loads(path.read_text()).get("Layers", [])
        with (Path(self.settings.out) / "layers.jsonl").open("a") as stream:
            stream.write(json.dumps({"plan": str(self.combination), "layers": layers}) + "\n")
        return dict(Counter(layer["LayerType"] if isinstance(layer, dict) else "unnamed" for layer in layers))

    def compare(self) -> None:
        """Alpha against PyTorch fp32, over the unknown pixels of all pictures."""
        references = np.load(self.settings.file(f"{self.combination.model}.npz"))
        engine = Engine(self.plan, color="rgb")
        changes, rows, sads = [], [], []
        for case in cases(self.settings.rehearsal):
            alpha, reference = engine.run(case.image, case.trimap), references[case.name]
            change = np.abs(alpha - reference)[unknown_pixels(case.trimap)]
            changes.append(change)
            row = PictureAccuracy(picture=case.name, max_abs=float(change.max()), mean_abs=_mean(change))
            if case.truth is not None:
                pair = (sad(reference, case.truth, case.trimap), sad(alpha, case.truth, case.trimap))
                sads.append(pair)
                row = replace(row, sad_reference=round(pair[0], 4), sad=round(pair[1], 4))
            rows.append(row)
        change, (before, after) = np.concatenate(changes), np.sum(sads, axis=0)
        record = Accuracy(
            about=self.steps.about,
            n=len(rows),
            max_abs=float(change.max()),
            mean_abs=_mean(change),
            sad_change_percent=round(100 * (after / before - 1), 4),
            pictures=rows,
            made=self.steps.made,
        )
        self.steps.records.add(record)


@contextlib.contextmanager
def remarks_instead_of_refusals() -> Iterator[list[str]]:
    """While a plan is built, wrong precisions are collected: GPU time is short, and such a plan can teach, too."""
    remarks: list[str] = []
    check = tensorrt.check_layers

    def remark(layers: str, precision: str) -> dict[str, int]:
        try:
            return check(layers, precision)
        except (BuildError, ValueError) as failure:
            remarks.append(str(failure))
            return {}

    tensorrt.check_layers = remark
    try:
        yield remarks
    finally:
        tensorrt.check_layers = check


def _mean(change: Any) -> float:
    return float(change.mean(dtype=np.float64))


if __name__ == "__main__":
    try:
        Worker(GpuSetup.read(sys.argv[1]), Combination(*sys.argv[2:5])).work()
    except Error as problem:
        sys.exit(f"error: {problem}")
