"""What `benchmarks.gpu` writes and its report reads: a dataclass for each kind of record, which "kind" names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.json_fields import FieldError, Part, from_json, to_json
from benchmarks.provenance import Machine, Manifest
from benchmarks.records import Times

Sides = tuple[int, int]  # (height, width)


@dataclass(frozen=True, kw_only=True)
class GpuMachine(Machine):
    """What timings on a GPU depend on."""

    gpu: str
    sm: str
    driver_cuda: str
    tensorrt: str


@dataclass(frozen=True, kw_only=True)
class GpuManifest(Manifest):
    machine: GpuMachine


@dataclass(frozen=True, kw_only=True)
class About(Part):
    """Which plan, or which peer."""

    peer: str | None = None
    model: str | None = None
    precision: str | None = None
    unpool: str | None = None

    @property
    def title(self) -> str:
        return f"dim_trt {self.precision} {self.unpool}" if self.peer == "dim_trt" else self.peer or ""


@dataclass(frozen=True, kw_only=True)
class GpuRecord:
    """rehearsal: the cpu backend in place of TensorRT."""

    KIND: ClassVar[str]
    engine: str = "dim_trt"
    rehearsal: bool = False


@dataclass(frozen=True, kw_only=True)
class Session(GpuRecord):
    """The first of all."""

    KIND = "manifest"
    made: GpuManifest
    cores: int | None
    capabilities: dict[str, Any]
    nvidia_smi: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Model(GpuRecord):
    """alpha_spread: mean standard deviation of PyTorch's alphas; differences show where it is not small."""

    KIND = "model"
    model: str
    weights: str
    alpha_spread: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Onnx(GpuRecord):
    """The network as TensorRT of that major version gets it; nodes, and how many are plugins or quantized."""

    KIND = "onnx"
    about: About
    tensorrt_major: int
    nodes: int
    plugins: int
    quantized: int
    int8_excluded: list[str]
    megabytes: float
    seconds: float
    made: GpuManifest


@dataclass(frozen=True, kw_only=True)
class Build(GpuRecord):
    """remarks: layers that do not have the precision asked for. layer_types: how many layers of each."""

    KIND = "build"
    about: About
    seconds: float
    plan_megabytes: float
    remarks: list[str]
    tensorrt: dict[str, Any]
    layer_types: dict[str, int]
    made: GpuManifest


@dataclass(frozen=True, kw_only=True)
class PictureAccuracy:
    picture: str
    max_abs: float
    mean_abs: float
    sad_reference: float | None = None
    sad: float | None = None


@dataclass(frozen=True, kw_only=True)
class Accuracy(GpuRecord):
    """Alpha against PyTorch fp32."""

    KIND = "accuracy"
    about: About
    n: int
    max_abs: float
    mean_abs: float
    sad_change_percent: float
    pictures: list[PictureAccuracy]
    made: GpuManifest


@dataclass(frozen=True, kw_only=True)
class GpuLatency(GpuRecord):
    """region: whether only what unknown pixels need is computed. mean_abs_difference: a peer's alpha from its fp32."""

    KIND = "latency"
    about: About
    height: int
    width: int
    unknown_fraction: float
    clock: str
    region: bool = True
    mean_abs_difference: float | None = None
    times: Times
    made: GpuManifest


@dataclass(frozen=True, kw_only=True)
class GpuThroughput(GpuRecord):
    KIND = "throughput"
    about: About
    height: int
    width: int
    unknown_fraction: float
    in_flight: int
    runs: int
    throughput_per_s: float
    made: GpuManifest


@dataclass(frozen=True, kw_only=True)
class Check(GpuRecord):
    """A program that says by itself what is right; `report` and `output` are files beside the records."""

    KIND = "check"
    step: str
    exit_code: int
    seconds: float
    report: str
    output: str


@dataclass(frozen=True, kw_only=True)
class NotMeasured(GpuRecord):
    about: About
    step: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Skipped(NotMeasured):
    KIND = "skipped"


@dataclass(frozen=True, kw_only=True)
class Failed(NotMeasured):
    KIND = "failed"


KINDS: dict[str, type[GpuRecord]] = {
    kind.KIND: kind
    for kind in (Session, Model, Onnx, Build, Accuracy, GpuLatency, GpuThroughput, Check, Skipped, Failed)
}


def to_object(record: GpuRecord) -> dict[str, Any]:
    return {"kind": record.KIND, **to_json(record)}


def from_object(value: object, where: str) -> GpuRecord:
    if not isinstance(value, dict) or value.get("kind") not in KINDS:
        raise FieldError(f"{where}, field kind: expected one of {', '.join(KINDS)}")
    fields = {key: item for key, item in value.items() if key != "kind"}
    return from_json(KINDS[value["kind"]], fields, where)
