"""Plans made of other plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dim_trt import _core
from dim_trt.plans.header import write_plan


def core_engine(plan: str | Path, **options: Any) -> _core.Engine:
    """The C++ engine of a plan, with options by their names in EngineOptions or in one of its parts."""
    all_ = _core.EngineOptions()
    for name, value in options.items():
        setattr(next(part for part in (all_, all_.limits, all_.cpu, all_.tensorrt) if hasattr(part, name)), name, value)
    return _core.Engine(str(plan), all_)


def plan_for(source: Path, path: Path, **sizes: list[int]) -> Path:
    """The plan, for pictures of other sizes."""
    header = json.loads(_core.read_plan_header(str(source)))
    header["shapes"] |= sizes
    write_plan(path, header, _core.read_plan_payload(str(source)))
    return path
