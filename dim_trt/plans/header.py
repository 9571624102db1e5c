"""Writes the plan file. The C++ core alone reads it, here as well, so that there is one parser of foreign bytes.

Layout: magic | u32 header length | header JSON | padding to a multiple of 64 | payload.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dim_trt import _core
from dim_trt.errors import BuildError
from dim_trt.files import StrPath, write_atomic
from dim_trt.graph.program import ALIGNMENT

MAGIC = b"DIMPLAN1"
FORMAT_VERSION = _core.PLAN_FORMAT_VERSION
SHAPES = {"min": [1, 1], "opt": [512, 512], "max": [16384, 16384]}  # (height, width) before padding


def read_header(plan: StrPath) -> dict[str, Any]:
    """What the file says of itself. Raises PlanError where it is missing or damaged."""
    header: dict[str, Any] = json.loads(_core.read_plan_header(str(plan)))
    return header


def is_for_gpu(plan: StrPath) -> bool:
    """Whether the plan was built for a GPU. Raises PlanError where it is missing or damaged."""
    return bool(read_header(plan)["backend"] != "cpu")


def write_plan(path: StrPath, header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """Write `payload` under `header` (completed with format version, size and SHA-256); returns the whole header."""
    header = {
        "format_version": FORMAT_VERSION,
        **header,
        "payload": {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()},
    }
    text = json.dumps(header).encode()
    start = MAGIC + len(text).to_bytes(4, "little") + text
    padding = bytes(-len(start) % ALIGNMENT)
    write_atomic(path, (start, padding, payload), what="plan", error=BuildError)
    return header
