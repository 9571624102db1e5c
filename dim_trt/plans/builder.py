"""dim.onnx -> dim.plan."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dim_trt import _core
from dim_trt.capabilities import resolve_backend
from dim_trt.errors import BuildError, InvalidInput, PlanError
from dim_trt.files import StrPath, cache_folder, file_digest
from dim_trt.plans.header import SHAPES, write_plan
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.precisions import chosen_numbers
from dim_trt.version import __version__

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from dim_trt.graph.load import Source

LOGGER = logging.getLogger("dim_trt")
TENSORRT_TASK = "matting"  # what the tensorrt backend was built and measured for
SHIPPED = "lite"  # the model that comes with the package, by its file's name in dim_trt/weights
SALIENT = "salient"  # the one that needs no trimap
NAMES = (SHIPPED, SALIENT)


@contextlib.contextmanager
def onnx_file(onnx: StrPath | None) -> Iterator[Path]:
    """The path of the ONNX file that the argument means: "lite", which None is too, and "salient" come with us."""
    name = SHIPPED if onnx is None else onnx
    if name in NAMES:
        with resources.as_file(resources.files("dim_trt") / "weights" / f"{name}.onnx") as path:
            yield path
    else:
        yield Path(name)


def weights_digest(onnx: StrPath | None) -> str:
    """SHA-256 of the file that `onnx_file` opens. Raises InvalidInput where it cannot be read."""
    with onnx_file(onnx) as path:
        return file_digest(path)


def build_plan(
    onnx: StrPath | None,
    plan: StrPath,
    *,
    precision: str = "fp32",
    weights: str | None = None,
    backend: str = "auto",
    tensorrt: TensorRtOptions | None = None,
    preprocessing: StrPath | Mapping[str, Any] | None = None,
    calibration: StrPath | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Build a plan from an ONNX file and write it.

    Args:
        onnx: path of a dim.onnx as `python -m training.export` writes it, or of another exporter's Deep Image Matting
            network; None or "lite" is the shipped model, "salient" the one that finds objects.
        plan: path of the plan to write; it appears whole or not at all.
        precision: what computes: "fp32", "fp16" or "int8". int8 calibrates first, which needs onnxruntime. The cpu
            backend has no fp16: it computes in fp32, and says so in one log line; `weights` follow the word.
        weights: how they are stored: "fp32", "fp16", which halves a plan for the CPU, or "int8", which quarters it.
            None is as `precision` says. TensorRT stores them as it computes and takes no other, and so it is with int8
            on the CPU.
        backend: "cpu", "tensorrt", or "auto", which takes what this machine has and says so in one log line.
        tensorrt: choices for the tensorrt backend: sizes, memory, unpooling and so on.
        preprocessing: what the network is fed, for an ONNX file of another program, which does not say: "imagenet",
            "raw-bgr", the path of a JSON file, or its values.
        calibration: folder with pictures for int8 (see dim_trt.graph.pictures); None takes the eight that are shipped,
            or those of `tensorrt`.
        threshold: int8 leaves out the layers that it harms most, until all others together change alpha by no more than
            this on average; None: 0.003, or that of `tensorrt`.

    Returns:
        The header of the plan: task, network, backend, precision, weights, inputs, outputs, model, preprocessing,
        shapes, producer, source, payload, for TensorRT what it was built with, and for int8 on the CPU how it was
        calibrated.

    Raises:
        InvalidInput: precision, weights or backend is not one of the above, `tensorrt` is given for the cpu backend,
            `calibration` or `threshold` for another precision than int8, or `preprocessing` makes no sense or is given
            for a file that says it itself.
        BackendUnavailable: the backend is not in this build or has no device here.
        BuildError: the ONNX file is not a graph that the backend runs (the message names the node), or the plan cannot
            be written.
    """
    asked, backend = backend, resolve_backend(backend)
    computes, stored = chosen_numbers(backend, precision, weights)
    if backend == "cpu" and tensorrt is not None:
        raise InvalidInput("tensorrt: these options are for backend='tensorrt', and the backend is 'cpu'")
    for_int8: dict[str, Any] = {"calibration": calibration, "threshold": threshold}
    given = {name: value for name, value in for_int8.items() if value is not None}
    if given and precision != "int8":
        raise InvalidInput(f"{' and '.join(given)}: of int8 alone, and precision is {precision!r}; leave it out")
    from dim_trt.graph.load import load_onnx  # here: onnx takes longer to import than all the rest

    with onnx_file(onnx) as path:
        source = load_onnx(path, preprocessing)
    if backend == "tensorrt" and source.task != TENSORRT_TASK:
        if asked == "tensorrt" or tensorrt is not None:
            raise BuildError(
                f"backend: the tensorrt backend runs networks for {TENSORRT_TASK}, and this one is for {source.task}; "
                "build it with --backend cpu"
            )
        backend = "cpu"
        LOGGER.info("backend auto: cpu, as tensorrt does not run networks for %s", source.task)
        computes, stored = chosen_numbers(backend, precision, weights)
    header = {
        "task": source.task,
        "network": source.network,
        "backend": backend,
        "precision": computes,
        "weights": stored,
        "inputs": source.inputs,
        "outputs": source.outputs,
        "model": source.model,
        "preprocessing": source.preprocessing,
        "shapes": SHAPES,
        "producer": {"dim_trt": __version__},
        "source": {
            "licence": source.licence,
            "origin": source.origin,
            "onnx_sha256": source.sha256,
            "parameters": source.parameters,
        },
    }
    return write_plan(plan, *_compile(source, header, replace(tensorrt or TensorRtOptions(), **given)))


def _compile(source: Source, header: dict[str, Any], options: TensorRtOptions) -> tuple[dict[str, Any], bytes]:
    """The header, completed, and the payload of its backend."""
    from dim_trt.graph.lower import import_graph, lower
    from dim_trt.graph.maps import Maps

    maps = Maps(lower(import_graph(source.proto)))  # refuses what no backend runs, and names the node
    maps.check_stride(source.preprocessing["stride"])
    if header["backend"] == "tensorrt":
        from dim_trt.plans.tensorrt import build_engine

        engine = build_engine(source, header["precision"], options, cache_folder(), maps.halo_px())
        sizes = {name: list(size) for name, size in options.sizes().items()}
        return {**header, "shapes": sizes, "tensorrt": engine.header}, engine.payload
    from dim_trt.graph.storage import store_weights
    from dim_trt.graph.translate import translate

    graph = import_graph(source.proto)
    if header["precision"] == "int8":
        graph, header = _to_int8(source, header, options)
    payload = translate(lower(store_weights(graph, header["weights"]))).to_bytes()
    try:
        _core.check_cpu_payload(payload, source.preprocessing["stride"])
    except PlanError as failure:
        raise BuildError(f"onnx: is not a network that the CPU backend runs: {failure}") from failure
    return header, payload


def _to_int8(source: Source, header: dict[str, Any], options: TensorRtOptions) -> tuple[gs.Graph, dict[str, Any]]:
    """The graph for the cpu backend with what it computes in int8, and the header, which says how that was chosen."""
    from dim_trt.graph.lower import import_graph
    from dim_trt.graph.precision import quantizable, to_int8
    from dim_trt.graph.whole_numbers import not_in_int8
    from dim_trt.plans.int8 import calibration_pictures, choose_int8

    graph = import_graph(source.proto)
    never = not_in_int8(graph)
    if len(never) == len(quantizable(graph)):
        LOGGER.info(
            "precision int8: the cpu backend computes in fp32, as no convolution reads what it can keep in int8"
        )
        return graph, {**header, "precision": "fp32"}
    pictures = calibration_pictures(options.calibration)
    chosen = choose_int8(graph, pictures, source, options.threshold, never=never, in_terms=True)
    excluded = not_in_int8(graph, chosen.excluded)
    harmful = [name for name in excluded if name not in never]
    if harmful:
        LOGGER.info("precision int8: %s compute in fp32, as int8 harms alpha there", ", ".join(harmful))
    quantized = to_int8(graph, chosen.ranges, excluded, base="fp32", is_stored=True, in_terms=True)
    return quantized, {**header, "int8": {"ranges": chosen.method, "excluded": harmful}}
