"""What the outputs of a network mean: which of them is the mask, and whether it holds probabilities or logits.

Networks of this kind have side outputs at other sizes or beside the final one, and some leave the last sigmoid to the
program. The graph says both: the final output is the largest, and the first of these; values that went through a
sigmoid, a softmax or a clip, whatever changed their shape after it, are probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.masks.source import F32

if TYPE_CHECKING:
    import onnx

PROBABILITIES = {"Sigmoid", "HardSigmoid", "Softmax", "Clip"}
STRETCHED = {"Div"}  # between its least and its largest value, as U²-Net's program does
SHAPING = {
    "Cast", "Identity", "Flatten", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
    "Upsample", "Gather", "GatherND", "Concat", "DequantizeLinear", "QuantizeLinear", "AveragePool",
}  # fmt: skip
FLOATS = ("tensor(float)", "tensor(float16)")
NO_MASK = "; a network for masks has one value for each pixel, how sure it is that this is the object"


@dataclass(frozen=True)
class Heads:
    """The outputs that can be masks, by name in the file's order, with those whose values are probabilities."""

    names: tuple[str, ...]
    probabilities: frozenset[str]


def heads_of(path: Path, outputs: list[Any]) -> Heads:
    """Of a file, by what ONNX Runtime says of its outputs. Raises InvalidInput where none can be a mask."""
    names = tuple(output.name for output in outputs if output.type in FLOATS and _may_be_mask(output.shape))
    if not names:
        found = ", ".join(f"{output.name!r} {_shape_text(output.shape)}" for output in outputs[:4])
        raise InvalidInput(f"auto: {str(path)!r}: expected an output with a mask, got {found}{NO_MASK}")
    import onnx  # which takes a while, and nothing else here needs

    graph = onnx.load(str(path), load_external_data=False).graph
    producers = {name: node for node in graph.node for name in node.output}
    return Heads(names, frozenset(name for name in names if _is_probability(name, producers)))


def mask_among(results: dict[str, NDArray[Any]], heads: Heads, place: str) -> F32:
    """[h, w] in 0..1: the mask among the results by name. Raises InvalidInput where none is one."""
    planes = {name: plane for name in heads.names if (plane := _planes(results[name])) is not None}
    if not planes:
        shapes = ", ".join(f"{name!r} {list(results[name].shape)}" for name in heads.names[:4])
        raise InvalidInput(f"auto: {place!r}: expected a mask, got {shapes}{NO_MASK}")
    name = max(planes, key=lambda head: planes[head].shape[-2] * planes[head].shape[-1])  # the first of equals
    values = planes[name].astype(np.float32)
    if not np.isfinite(values).all():
        raise InvalidInput(f"auto: {place!r}: its output {name!r} is not finite; expected a mask")
    if name in heads.probabilities:
        if values.min() < -0.01 or values.max() > 1.01:
            raise InvalidInput(
                f"auto: {place!r}: expected 0..1 in its output {name!r}, got {values.min():.3g} to {values.max():.3g}"
            )
        return np.asarray(np.clip(values[-1], 0, 1), np.float32)
    logits = values[-1] if len(values) == 1 else values[1] - values[0]
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)


def _planes(result: NDArray[Any]) -> NDArray[Any] | None:
    """[1, h, w], or [2, h, w] where background comes first; None for what is no mask."""
    while result.ndim > 3 and result.shape[0] == 1:
        result = result[0]
    if result.ndim == 2:
        result = result[None]
    if result.ndim != 3:
        return None
    if result.shape[0] not in (1, 2) and result.shape[2] in (1, 2):
        result = np.moveaxis(result, 2, 0)
    return result if result.shape[0] in (1, 2) and min(result.shape[1:]) > 2 else None


def _may_be_mask(shape: Any) -> bool:
    """By a shape in which open sides are names or None."""
    sides = list(shape or ())
    if len(sides) == 4:
        channels = (sides[1], sides[3])
        return any(not isinstance(side, int) or side in (1, 2) for side in channels)
    return len(sides) in (2, 3)


def _is_probability(name: str, producers: dict[str, onnx.NodeProto]) -> bool:
    node = producers.get(name)
    while node is not None and node.op_type in SHAPING and node.input:
        node = producers.get(node.input[0])
    return node is not None and node.op_type in PROBABILITIES | STRETCHED


def _shape_text(shape: Any) -> str:
    return "[" + ", ".join("?" if side is None else str(side) for side in shape or ()) + "]"
