"""What benchmarks write and the report reads: a dataclass for each kind of record.

Keys of the JSON objects are the fields' names; the fields of a Part lie among those of the record that has it. Fields
with a default are left out where there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.json_fields import Part
from benchmarks.provenance import Manifest, Scored


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Times(Part):
    """How long something took. variation: coefficient of variation."""

    latency_ms: Percentiles
    frames_per_second: float
    variation: float
    unstable: bool
    runs: int


@dataclass(frozen=True, kw_only=True)
class Clock(Percentiles):
    """ratio: over the engine's by the same clock."""

    ratio: float


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Milliseconds of the bare network, of a run with pre- and postprocessing, and from file to file."""

    network: Clock
    run: Clock
    files: Clock


@dataclass(frozen=True, kw_only=True)
class Difference(Part):
    """From PyTorch's float32, on unknown pixels. Records from before there were peers in low precision have no mean."""

    max_abs_vs_pytorch: float
    mean_abs_vs_pytorch: float | None = None
    pixels_beyond_tolerance: int
    unknown_px: int


@dataclass(frozen=True, kw_only=True)
class Float64Error(Part):
    """pixels_beyond_both: of those that differ from PyTorch by more than the tolerance, how many are wrong by it."""

    rms_vs_float64: float
    max_abs_vs_float64: float
    pixels_beyond_both: int


@dataclass(frozen=True, kw_only=True)
class SameArgmax(Part):
    """The engine's largest difference from PyTorch's float32 where both take the same maxima; how many pooling windows
    there are, in how many PyTorch would have taken another one, and by how much that is larger, at most, as a part of
    the largest value of its map."""

    max_abs_same_argmax: float
    pooling_windows: int
    windows_of_another_argmax: int
    largest_gap: float


@dataclass(frozen=True, kw_only=True)
class Score(Part):
    """Against the true alpha. sad_change_percent: of a network, over PyTorch's float32."""

    sad: float
    sad_change_percent: float | None = None


@dataclass(frozen=True, kw_only=True)
class Worth(Part):
    """Of an alpha. `score` where the truth is known."""

    difference: Difference | None = None
    float64: Float64Error | None = None
    same_argmax: SameArgmax | None = None
    score: Score | None = None


@dataclass(frozen=True, kw_only=True)
class Latency:
    """One method on one picture with one number of threads. ratio: the median over the engine's."""

    engine: str
    peer: str
    model: str
    picture: str
    precision: str
    height: int
    width: int
    unknown_fraction: float
    threads: int
    times: Times
    ratio: float
    clocks_ms: Clocks | None = None
    build_s: float | None = None
    load_s: float
    first_run_s: float
    peak_memory_mb: int | None = None
    worth: Worth
    made: Manifest


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Of a process that mattes one picture. memory_ratio: over the engine's."""

    engine: str
    peer: str
    model: str
    precision: str
    height: int
    width: int
    threads: int
    peak_memory_mb: int
    first_run_s: float
    memory_ratio: float
    made: Manifest


@dataclass(frozen=True, kw_only=True)
class Cost(Part):
    """Of a method in a process of its own."""

    seconds_per_picture: float
    load_s: float
    first_run_s: float
    peak_memory_mb: int


@dataclass(frozen=True, kw_only=True)
class PictureScore:
    """seconds: None where the picture was scored again but never timed."""

    sad: float
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change(Part):
    """Of alpha, from the first method's."""

    max_change: float
    mean_change: float


@dataclass(frozen=True, kw_only=True)
class Quality:
    """One method on a set of pictures: means, the unknown region only. What knowing nothing scores has no cost.

    weights: SHA-256 of the network's ONNX file; None without a network. pictures_sha256: of all pictures, their trimaps
    and their true alphas. change: of networks.
    """

    engine: str
    peer: str
    title: str
    model: str
    precision: str | None
    data: str
    trimaps: str
    n: int
    megapixels: float
    unknown_fraction: float
    threads: int
    sad: float
    mse: float
    mad: float
    gradient: float
    connectivity: float
    change: Change | None = None
    cost: Cost | None = None
    pictures: dict[str, PictureScore]
    pictures_sha256: str | None = None
    plan_bytes: int | None = None
    weights: str | None = None
    scored: Scored | None = None
    made: Manifest


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Pictures a second of one way to call the engine, or of a peer's run, `concurrent` at a time, each computed by so
    many threads."""

    engine: str
    peer: str | None = None
    model: str
    precision: str
    height: int
    width: int
    unknown_fraction: float
    way: str
    concurrent: int
    threads: int
    pictures_per_second: float
    variation: float
    unstable: bool
    made: Manifest


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Milliseconds of each layer; outside_convolutions: that share of the whole."""

    engine: str
    model: str
    precision: str
    height: int
    width: int
    unknown_fraction: float
    threads: int
    runs: int
    peer: str
    total_ms: float
    outside_convolutions: float
    ratio: float
    stages_ms: dict[str, float]
    made: Manifest
