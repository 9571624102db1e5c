"""The engine and its peers by name: the same weights in PyTorch and ONNX Runtime, and matting without a network.

Each is loaded with the packages that it needs and no other, so that a process that holds one can be measured.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import dim_trt
from dim_trt.pictures.files import read_image, write_image
from dim_trt.pictures.picture import quantize_alpha
from dim_trt.trimaps import read_trimap
from training.data.preprocess import network_input

U8 = NDArray[np.uint8]
Alpha = NDArray[np.float32]

ENGINE = "dim_trt"
PYTORCH, EAGER, COMPILED = "pytorch", "pytorch-eager", "pytorch-compiled"
ONNXRUNTIME = "onnxruntime"
CLOSED_FORM, KNN = "pymatting-cf", "pymatting-knn"
NETWORKS = (ENGINE, PYTORCH, EAGER, COMPILED, ONNXRUNTIME)
CLASSICAL = (CLOSED_FORM, KNN)
METHODS = (*NETWORKS, *CLASSICAL)
TITLES = {
    ENGINE: "dim_trt",
    PYTORCH: "PyTorch, channels-last",
    EAGER: "PyTorch, eager",
    COMPILED: "PyTorch, compiled",
    ONNXRUNTIME: "ONNX Runtime",
    CLOSED_FORM: "pymatting, closed-form",
    KNN: "pymatting, KNN",
}
OUTSIDE = ("preprocess", "postprocess")  # the engine's steps that are not the network
CLOCKS = ("network", "run", "files")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Files(NamedTuple):
    """One network in the forms that the methods load."""

    onnx: Path
    checkpoint: Path
    plan: Path


@dataclass(frozen=True)
class Contender:
    """alpha = finish(compute(prepare(img, trimap)), trimap), of an RGB image; `compute` is the bare method.

    `compute_ms`, where it is not None, gives the milliseconds of the bare network instead, which `compute` has more of.
    """

    name: str
    prepare: Callable[[U8, U8], Any]
    compute: Callable[[Any], Any]
    finish: Callable[[Any, U8], Alpha]
    compute_ms: Callable[[Any], float] | None = None

    def run(self, img: U8, trimap: U8) -> Alpha:
        return self.finish(self.compute(self.prepare(img, trimap)), trimap)

    def clocks(self, image: Path, trimap_file: Path, output: Path) -> dict[str, float]:
        """Once from file to file; milliseconds by CLOCKS, each of which contains the one before."""
        began = time.perf_counter()
        img, trimap = np.ascontiguousarray(read_image(image)[:, :, ::-1]), read_trimap(trimap_file)
        read = time.perf_counter()
        given = self.prepare(img, trimap)
        prepared = time.perf_counter()
        result = self.compute(given)
        computed = time.perf_counter()
        alpha = self.finish(result, trimap)
        finished = time.perf_counter()
        write_image(output, quantize_alpha(alpha, 8))
        written = time.perf_counter()
        network_ms = 1e3 * (computed - prepared) if self.compute_ms is None else self.compute_ms(given)
        return {"network": network_ms, "run": 1e3 * (finished - read), "files": 1e3 * (written - began)}


def why_not(name: str) -> str | None:
    """What is missing here to load the method, or None."""
    package = {ONNXRUNTIME: "onnxruntime", CLOSED_FORM: "pymatting", KNN: "pymatting"}.get(name, "torch")
    if name != ENGINE and importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    if name == COMPILED and not any(shutil.which(os.environ.get("CXX", it)) for it in ("c++", "g++", "clang++")):
        return "torch.compile needs a C++ compiler"
    return None


def available(names: Sequence[str]) -> list[str]:
    """Those that can be loaded; the others are named on stdout."""
    reasons = {name: why_not(name) for name in names}
    for name, reason in reasons.items():
        if reason:
            print(f"left out: {TITLES[name]}: {reason}")
    return [name for name, reason in reasons.items() if reason is None]


def load(name: str, files: Files, threads: int) -> Contender:
    """One of METHODS. PyTorch has one number of threads for the whole process, the last one that was asked for."""
    if name == ENGINE:
        return _engine(files.plan, threads)
    if name == ONNXRUNTIME:
        return _onnxruntime(files.onnx, threads)
    if name in CLASSICAL:
        return _classical(name)
    return _pytorch(name, files.checkpoint, threads)


def _engine(plan: Path, threads: int) -> Contender:
    engine = dim_trt.Engine(plan, device="cpu", threads=threads, color="rgb")

    def network_ms(given: tuple[U8, U8]) -> float:
        return sum(ms for step, ms in engine.profile(*given) if step not in OUTSIDE)

    return Contender(ENGINE, lambda *given: given, lambda given: engine.run(*given), lambda alpha, _: alpha, network_ms)


def _network_input(img: U8, trimap: U8) -> NDArray[np.float32]:
    return network_input(img, trimap)[None]


def _known(alpha: NDArray[Any], trimap: U8) -> Alpha:
    """Exact where the trimap is known, as the engine's."""
    return np.where(trimap == 0, 0, np.where(trimap == 255, 1, alpha)).astype(np.float32)


def _cropped(planes: NDArray[np.float32], trimap: U8) -> Alpha:
    height, width = trimap.shape
    return _known(planes[0, 0, :height, :width], trimap)


def _onnxruntime(onnx: Path, threads: int) -> Contender:
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    return Contender(ONNXRUNTIME, _network_input, lambda x: session.run(None, {"input": x})[0], _cropped)


def _pytorch(name: str, checkpoint: Path, threads: int) -> Contender:
    torch: Any = importlib.import_module("torch")
    checkpoints: Any = importlib.import_module("training.checkpoints")
    torch.set_num_threads(threads)
    layout = torch.channels_last if name == PYTORCH else torch.contiguous_format
    model = checkpoints.load_model(checkpoint).to(memory_format=layout)
    if name == COMPILED:
        model = torch.compile(model)

    def prepare(img: U8, trimap: U8) -> Any:
        return torch.from_numpy(_network_input(img, trimap)).contiguous(memory_format=layout)

    def compute(x: Any) -> Any:
        with torch.inference_mode():
            return model(x)

    return Contender(name, prepare, compute, lambda y, trimap: _cropped(y.numpy(), trimap))


def _classical(name: str) -> Contender:
    classical = importlib.import_module("training.classical").classical(name.removeprefix("pymatting-"))
    return Contender(name, lambda *given: given, lambda given: classical(*given), _known)


def thread_environment(threads: int) -> dict[str, str]:
    """The environment of a process that is to use so many."""
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))


def build_files(onnx: Path, model: Any, folder: Path, precision: str) -> tuple[Files, float]:
    """Of a DeepImageMatting and its ONNX file; and the seconds that building the plan took."""
    checkpoints = importlib.import_module("training.checkpoints")
    files = Files(onnx, folder / "checkpoint.pt", folder / f"{precision}.plan")
    checkpoints.save_checkpoint(files.checkpoint, model.config, model.state_dict())
    begin = time.perf_counter()
    dim_trt.build_plan(onnx, files.plan, precision=precision, backend="cpu")
    return files, time.perf_counter() - begin
