"""Reads an ONNX file that nobody vouches for: whatever is not a graph that backends run is refused by name."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, numpy_helper

from dim_trt.errors import BuildError
from dim_trt.files import StrPath
from dim_trt.graph.external import embed
from dim_trt.graph.foreign import GLUE, LAYERS, is_standard, standardize
from dim_trt.graph.leftovers import LEFTOVERS, without_leftovers
from dim_trt.graph.metadata import TASKS, Task, described, task_of
from dim_trt.graph.nodes import describe, tensors_of
from dim_trt.graph.preprocessing import chosen_preprocessing

ALLOWED_OPS = LAYERS | {"Constant"}
NUMBERS = {3: "three", 4: "four"}
MIN_OPSET = 11  # from it on the operations that stay mean the same


@dataclass(frozen=True)
class Source:
    """A checked ONNX model and what its metadata says about it."""

    path: Path
    proto: onnx.ModelProto
    sha256: str
    task: str
    network: str
    preprocessing: dict[str, Any]
    model: dict[str, Any]
    licence: str
    origin: str

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """Of the graph, as a plan's header has them: name and channels."""
        stored = {tensor.name for tensor in self.proto.graph.initializer}
        return [_map_of(value) for value in self.proto.graph.input if value.name not in stored]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return [_map_of(value) for value in self.proto.graph.output]

    @property
    def parameters(self) -> int:
        """Weights and biases of all convolutions."""
        kernels = {name for node in self.proto.graph.node if node.op_type == "Conv" for name in node.input[1:]}
        stored = (tensor for tensor in self.proto.graph.initializer if tensor.name in kernels)
        return sum(math.prod(tensor.dims) for tensor in stored)


def load_onnx(path: StrPath, preprocessing: StrPath | Mapping[str, Any] | None = None) -> Source:
    """Read and check dim.onnx, or a file of another exporter, which is made standard.

    Args:
        path: of the ONNX file.
        preprocessing: for a file whose metadata say nothing about it: the name of one of preprocessing.PRESETS, a JSON
            file, or the values.

    Raises:
        BuildError: which node or field of the file is wrong and why.
        InvalidInput: `preprocessing` makes no sense, or the file knows better.
    """
    chosen = None if preprocessing is None else chosen_preprocessing(preprocessing)
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as failure:
        raise BuildError(f"onnx: cannot read {os.fspath(path)!r}: {failure.strerror or failure}") from failure
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError as failure:
        raise BuildError(
            f"onnx: {os.fspath(path)!r} is not an ONNX file ({failure}); copy or export it again"
        ) from failure
    if not proto.graph.node:
        raise BuildError(f"onnx: {os.fspath(path)!r} is not an ONNX file, or its graph is empty; export it again")
    beside = embed(tensors_of(proto.graph), path)
    check_content(proto, ALLOWED_OPS | GLUE | LEFTOVERS)
    if (tidied := without_leftovers(proto)) is not proto:
        check_content(proto := tidied, ALLOWED_OPS | GLUE)
    _check_values(proto)
    if not is_standard(proto):
        proto = standardize(proto)
        check_graph(proto)
    return Source(
        path=path,
        proto=proto,
        sha256=hashlib.sha256(data + beside).hexdigest(),
        **described(proto, chosen),
    )


def check_graph(proto: onnx.ModelProto) -> None:
    """Raise BuildError unless this is a plain, self-contained graph of the standard operations with the right input
    and output."""
    check_file(proto, ALLOWED_OPS)


def check_file(proto: onnx.ModelProto, allowed: Collection[str]) -> None:
    """As `check_graph`, with these operations."""
    check_content(proto, allowed)
    _check_values(proto)


def check_content(proto: onnx.ModelProto, allowed: Collection[str]) -> None:
    """As `check_file`, of everything but input and output."""
    for tensor in tensors_of(proto.graph):
        if not _is_finite(tensor):
            raise BuildError(
                f"onnx: tensor {tensor.name!r} holds NaN or infinity; the training has diverged: take an earlier one"
            )
    if proto.functions:
        raise BuildError(
            f"onnx: function {proto.functions[0].name!r}: models with local functions are not supported; "
            "inline them: onnx.save(onnx.inliner.inline_local_functions(onnx.load(path)), path)"
        )
    for node in proto.graph.node:
        if not all(isinstance(text, str) for text in (node.name, *node.input, *node.output)):
            raise BuildError(
                f"onnx: {describe(node)} has a name that is not UTF-8; the file is damaged: copy or export it again"
            )
        if node.domain not in ("", "ai.onnx") or node.op_type not in allowed:
            raise BuildError(
                f"onnx: {describe(node)} is not part of a Deep Image Matting graph; expected only "
                f"{', '.join(sorted(ALLOWED_OPS))}. Export the network alone, in eval mode: torch.onnx.export(…, "
                "dynamo=True, external_data=False)"
            )
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < MIN_OPSET:
        raise BuildError(
            f"onnx: expected opset {MIN_OPSET} or newer, got {opset}; export the model again, with opset_version=18"
        )
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as failure:
        reason = str(failure).strip().splitlines()[0]
        raise BuildError(f"onnx: the model is not valid: {reason}; export it again") from failure


def _is_finite(tensor: TensorProto) -> bool:
    try:
        values = numpy_helper.to_array(tensor)
        return values.dtype.kind != "f" or bool(np.isfinite(values).all())
    except (ValueError, TypeError, KeyError) as failure:
        raise BuildError(
            f"onnx: tensor {tensor.name!r} is damaged ({failure}); copy or export the file again"
        ) from failure


def _check_values(proto: onnx.ModelProto) -> None:
    task, graph = TASKS[task_of(proto)], proto.graph
    stored = {tensor.name for tensor in graph.initializer}
    _check_value("input", [value for value in graph.input if value.name not in stored], task.channels, task)
    _check_value("output", list(graph.output), 1, task)


def _check_value(kind: str, values: list[onnx.ValueInfoProto], channels: int, task: Task) -> None:
    if len(values) != 1:
        names = ", ".join(value.name for value in values) or "none"
        cures = {
            "input": f"export it with {task.fed} in one of {NUMBERS[task.channels]} channels",
            "output": f"export it with {task.answer} alone",
        }
        if values and kind == "output":
            cures[kind] = f"keep the one that is {task.answer} with onnx.utils.extract_model"
        raise BuildError(f"onnx: expected one {kind}, got {len(values)} ({names}); {cures[kind]}")
    tensor = values[0].type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else (dim.dim_param or "?") for dim in tensor.shape.dim]
    dtypes = dict(zip(TensorProto.DataType.values(), TensorProto.DataType.keys(), strict=True))
    dtype = dtypes.get(tensor.elem_type, "no tensor")
    right_shape = len(dims) == 4 and dims[1] == channels and (dims[0] == 1 or isinstance(dims[0], str))
    if tensor.elem_type != TensorProto.FLOAT or not right_shape:
        shape = ", ".join(str(dim) for dim in dims)
        raise BuildError(
            f"onnx: {kind} {values[0].name!r}: expected FLOAT [1, {channels}, height, width], got {dtype} [{shape}]; "
            f"export the network that takes {task.fed} and gives {task.answer}, without what its program does around it"
        )


def _map_of(value: onnx.ValueInfoProto) -> dict[str, Any]:
    return {"name": value.name, "channels": value.type.tensor_type.shape.dim[1].dim_value}
