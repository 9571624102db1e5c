"""The engine and what it is measured beside, by name: `benchmarks.peers` has a module for each package."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dim_trt
from benchmarks.peers import engine, onnx_runtime, openvino, pymatting, pytorch
from benchmarks.peers.engine import ENGINE, ENGINE_CLOSED_FORM, ENGINE_INT8
from benchmarks.peers.onnx_runtime import ONNXRUNTIME, ONNXRUNTIME_INT8
from benchmarks.peers.openvino import OPENVINO, OPENVINO_BF16, OPENVINO_INT8
from benchmarks.peers.peer import Contender, Files, Peer
from benchmarks.peers.pymatting import CLOSED_FORM, KNN
from benchmarks.peers.pytorch import BF16, COMPILED, EAGER, PYTORCH

PEERS: dict[str, Peer] = {
    peer.name: peer for peer in (*engine.PEERS, *pytorch.PEERS, *onnx_runtime.PEERS, *openvino.PEERS, *pymatting.PEERS)
}
METHODS = tuple(PEERS)
NETWORKS = tuple(name for name, peer in PEERS.items() if peer.is_network)
CLASSICAL = tuple(name for name, peer in PEERS.items() if not peer.is_network)
TITLES = {name: peer.title for name, peer in PEERS.items()}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def available(names: Sequence[str]) -> list[str]:
    """Those that can be loaded; the others are named on stdout."""
    reasons = {name: PEERS[name].why_not() for name in names}
    for name, reason in reasons.items():
        if reason:
            print(f"left out: {TITLES[name]}: {reason}")
    return [name for name, reason in reasons.items() if reason is None]


def load(name: str, files: Files, threads: int) -> Contender:
    """One of METHODS, after `prepare`."""
    return PEERS[name].load(files, threads)


def prepare(names: Sequence[str], files: Files) -> dict[str, float]:
    """What these methods need of the network; the seconds that it took, of those that make something of their own."""
    seconds = {}
    for name in names:
        if make := PEERS[name].prepare:
            begin = time.perf_counter()
            make(files)
            seconds[name] = time.perf_counter() - begin
    return seconds


def build_files(
    onnx: Path, model: Any, folder: Path, names: Sequence[str], *, precision: str = "fp32", weights: str | None = None
) -> tuple[Files, dict[str, float]]:
    """Of a DeepImageMatting and its ONNX file, for these methods; and the seconds that building took, by method.

    precision, weights: of the plan, as build_plan has them.
    """
    checkpoints = importlib.import_module("training.checkpoints")
    files = Files(onnx, folder / "checkpoint.pt", folder / f"{precision}-{weights}.plan", folder)
    checkpoints.save_checkpoint(files.checkpoint, model.config, model.state_dict())
    begin = time.perf_counter()
    dim_trt.build_plan(onnx, files.plan, precision=precision, weights=weights, backend="cpu")
    return files, {ENGINE: time.perf_counter() - begin, **prepare(names, files)}


def thread_environment(threads: int) -> dict[str, str]:
    """The environment of a process that is to use so many."""
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))


__all__ = [
    "BF16", "CLASSICAL", "CLOSED_FORM", "COMPILED", "EAGER", "ENGINE", "ENGINE_CLOSED_FORM", "ENGINE_INT8", "KNN",
    "METHODS", "NETWORKS", "ONNXRUNTIME", "ONNXRUNTIME_INT8", "OPENVINO", "OPENVINO_BF16", "OPENVINO_INT8", "PEERS",
    "PYTORCH", "TITLES",
    "Contender", "Files", "available", "build_files", "load", "prepare", "thread_environment",
]  # fmt: skip
