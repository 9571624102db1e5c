"""dim.onnx -> dim.plan."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from dim_trt.capabilities import resolve_backend
from dim_trt.files import StrPath
from dim_trt.plan import SHAPES, check_precision, write_plan
from dim_trt.version import __version__

SHIPPED = "lite"  # the name of the model in dim_trt/weights


@contextlib.contextmanager
def onnx_file(onnx: StrPath | None) -> Iterator[Path]:
    """The path of the ONNX file that the argument means: None and "lite" are the shipped model."""
    if onnx is None or onnx == SHIPPED:
        with resources.as_file(resources.files("dim_trt") / "weights" / f"{SHIPPED}.onnx") as path:
            yield path
    else:
        yield Path(onnx)


def build_plan(
    onnx: StrPath | None, plan: StrPath, *, precision: str = "fp32", backend: str = "auto"
) -> dict[str, Any]:
    """Build a plan from an ONNX file and write it.

    Args:
        onnx: path of a dim.onnx as `python -m training.export` writes it; None or "lite" is the shipped model.
        plan: path of the plan to write; it appears whole or not at all.
        precision: "fp32", "fp16" or "int8". On the cpu backend this is how the weights are stored: fp16 halves the
            file, int8 quarters it; the arithmetic is fp32.
        backend: "cpu", "tensorrt", or "auto", which takes what this machine has and says so in one log line.

    Returns:
        The header of the plan: backend, precision, model, preprocessing, shapes, producer, weights, payload.

    Raises:
        InvalidInput: precision or backend is not one of the above.
        BackendUnavailable: the backend is not in this build or has no device here.
        BuildError: the ONNX file is not a Deep Image Matting graph (the message names the node), or the plan cannot
            be written.
    """
    # imported here: onnx takes longer to import than all the rest, and running a plan does not need it
    from dim_trt.graph.load import load_onnx
    from dim_trt.graph.lower import import_graph, lower
    from dim_trt.graph.storage import store_weights
    from dim_trt.graph.translate import translate

    check_precision(precision)
    backend = resolve_backend(backend)
    with onnx_file(onnx) as path:
        source = load_onnx(path)
    program = translate(lower(store_weights(import_graph(source.proto), precision)))
    header = {
        "backend": backend,
        "precision": precision,
        "model": source.model,
        "preprocessing": source.preprocessing,
        "shapes": SHAPES,
        "producer": {"dim_trt": __version__},
        "weights": {
            "licence": source.licence,
            "origin": source.origin,
            "onnx_sha256": source.sha256,
            "parameters": program.parameters,
        },
    }
    return write_plan(plan, header, program.to_bytes())
