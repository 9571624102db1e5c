"""The cpu backend's program: a list of operations (JSON) and their tensors, the payload of a cpu plan."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    def store(self, values: NDArray[Any]) -> int:
        """Append a tensor; its offset in the tensor area."""
        offset = self._offset
        self.tensors.append(np.ascontiguousarray(values).tobytes())
        self._offset += aligned(len(self.tensors[-1]))
        return offset
