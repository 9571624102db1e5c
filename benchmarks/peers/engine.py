"""The engine itself: the plan in question, closed-form matting after it, and the same network as a plan in int8."""

from __future__ import annotations

import functools
from pathlib import Path

import dim_trt
from benchmarks.peers.peer import U8, Contender, Files, Peer, missing
from dim_trt.plans.builder import weights_digest

ENGINE, ENGINE_INT8, ENGINE_CLOSED_FORM = "dim_trt", "dim_trt-int8", "dim_trt-closed-form"
NONE_LEFT_OUT = 1.0  # a threshold: alpha cannot change by more
OUTSIDE = ("preprocess", "postprocess", "closed_form")  # steps that are not the network


def _load(name: str, plan: Path, threads: int, *, closed_form: bool = False) -> Contender:
    engine = dim_trt.Engine(plan, device="cpu", threads=threads, color="rgb", closed_form=closed_form)

    def network_ms(given: tuple[U8, U8]) -> float:
        return sum(ms for step, ms in engine.profile(*given) if step not in OUTSIDE)

    return Contender(name, lambda *given: given, lambda given: engine.run(*given), lambda alpha, _: alpha, network_ms)


def int8_threshold(onnx: Path) -> float | None:
    """The shipped model's is the usual one. Alpha depends on the last bit of random weights: none is left out there."""
    return None if weights_digest(onnx) == weights_digest(None) else NONE_LEFT_OUT


def int8_plan(files: Files) -> Path:
    return files.folder / "dim_trt-int8.plan"


def _prepare_int8(files: Files) -> None:
    threshold = int8_threshold(files.onnx)
    dim_trt.build_plan(files.onnx, int8_plan(files), precision="int8", backend="cpu", threshold=threshold)


PEERS = (
    Peer(
        name=ENGINE,
        title="dim_trt",
        package="dim_trt",
        precision=None,
        why_not=lambda: None,
        load=lambda files, threads: _load(ENGINE, files.plan, threads),
    ),
    Peer(
        name=ENGINE_CLOSED_FORM,
        title="dim_trt, closed form",
        package="dim_trt",
        precision="fp32",
        exact=False,
        why_not=lambda: None,
        load=lambda files, threads: _load(ENGINE_CLOSED_FORM, files.plan, threads, closed_form=True),
    ),
    Peer(
        name=ENGINE_INT8,
        title="dim_trt, int8",
        package="dim_trt",
        precision="int8",
        why_not=functools.partial(missing, "onnxruntime"),  # calibrates
        prepare=_prepare_int8,
        load=lambda files, threads: _load(ENGINE_INT8, int8_plan(files), threads),
    ),
)
