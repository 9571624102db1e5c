"""What `benchmarks.kernels` writes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.json_fields import Part
from benchmarks.provenance import Manifest
from benchmarks.records import Times


@dataclass(frozen=True, kw_only=True)
class ByProducts:
    """dense: with the products of a plain convolution, real: with those that a kernel does."""

    dense: float
    real: float


@dataclass(frozen=True, kw_only=True)
class KernelSpeed(Part):
    times: Times
    gflops: ByProducts
    percent_of_peak: ByProducts
    peak_gflops: float


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One way to compute a layer; density: share of non-zero values before unpooling. A wrong kernel has no speed."""

    kernel: str
    model: str
    layer: str
    in_channels: int
    out_channels: int
    height: int
    width: int
    density: float | None
    skip: bool
    isa: str
    threads: int
    max_abs_vs_scalar: float
    correct: bool
    speed: KernelSpeed | None = None
    made: Manifest
