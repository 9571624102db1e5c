"""Plans made of other plans."""

from __future__ import annotations

import json
from pathlib import Path

from dim_trt import _core
from dim_trt.plans.header import write_plan


def plan_for(source: Path, path: Path, **sizes: list[int]) -> Path:
    """The plan, for pictures of other sizes."""
    header = json.loads(_core.read_plan_header(str(source)))
    header["shapes"] |= sizes
    write_plan(path, header, _core.read_plan_payload(str(source)))
    return path
