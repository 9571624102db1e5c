"""The cpu backend's program: a list of operations (JSON) and their tensors, the payload of a cpu plan."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.errors import BuildError, PlanError

ALIGNMENT = 64  # of everything in a plan, in bytes


def aligned(size: int) -> int:
    """`size` rounded up to the plan's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass
class Program:
    """Operations and tensors of a cpu plan; `to_bytes` is its payload."""

    ops: list[dict[str, Any]] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    _offset: int = 0

    def to_bytes(self) -> bytes:
        """u32 program length | program JSON | padding | tensors, each at a multiple of 64."""
        program = json.dumps({"ops": self.ops}, separators=(",", ":")).encode()
        head = len(program).to_bytes(4, "little") + program
        parts = [head, bytes(aligned(len(head)) - len(head))]
        for tensor in self.tensors:
            parts += [tensor, bytes(aligned(len(tensor)) - len(tensor))]
        return b"".join(parts)

    def halo_px(self, stride: int) -> int:
        """The radius of the receptive field in pixels, exact: the largest over all pixels and both directions.

        On a crop whose top left corner is at multiples of `stride`, and which extends this far beyond the pixels of
        interest or to the border of the padded picture, the network gives these pixels the alpha that they have in the
        whole picture. Raises BuildError for what the core does not take.
        """
        try:
            return _core.halo_px(self.to_bytes(), stride)
        except PlanError as failure:
            raise BuildError(f"onnx: is not a Deep Image Matting network: {failure}") from failure

    def store(self, values: NDArray[Any]) -> int:
        """Append a tensor; its offset in the tensor area."""
        offset = self._offset
        self.tensors.append(np.ascontiguousarray(values).tobytes())
        self._offset += aligned(len(self.tensors[-1]))
        return offset
