"""What a network is fed, as the metadata of an ONNX file say it; files of other programs have none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dim_trt import _core
from dim_trt.errors import InvalidInput, PlanError

PRESETS: dict[str, dict[str, Any]] = {
    "imagenet": {
        "channel_order": "rgb",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "trimap_scale": 1 / 255,
        "stride": 32,
        "padding": "reflect",
    },
    "raw-bgr": {
        "channel_order": "bgr",
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "trimap_scale": 1.0,
        "stride": 32,
        "padding": "reflect",
    },
}
CHOICES = (
    "imagenet (RGB by ImageNet's mean and std, trimap / 255), raw-bgr (nothing subtracted or divided), or a JSON file "
    f"with {', '.join(PRESETS['imagenet'])}"
)


def problem_of(values: Mapping[str, Any]) -> str:
    """What is wrong with a description of preprocessing; empty if nothing is. The core, which reads it, has the rules;
    only keys that it does not know are refused here, for plans of later versions may have some."""
    inner = values.get("resize")
    names = [*values, *(f"resize.{name}" for name in (inner if isinstance(inner, Mapping) else ()))]
    if unknown := set(names).difference(_core.preprocessing_keys()):
        return f"expected {', '.join(_core.preprocessing_keys())}, got {', '.join(sorted(map(str, unknown)))}"
    try:
        _core.check_preprocessing(json.dumps(values))
    except (PlanError, TypeError, ValueError) as failure:  # the others: what JSON cannot hold
        return str(failure).removeprefix("preprocessing").removeprefix(".").removeprefix(": ")
    return ""


def chosen_preprocessing(choice: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """One of PRESETS by name, a JSON file, or the values themselves; raises InvalidInput."""
    values: Any = choice
    if isinstance(choice, (str, os.PathLike)):
        values = PRESETS.get(os.fspath(choice)) or _read(Path(choice))
    if not isinstance(values, Mapping):
        raise InvalidInput(f"preprocessing: expected {CHOICES}; got {type(values).__name__}")
    if problem := problem_of(values):
        raise InvalidInput(f"preprocessing: {problem}")
    return dict(values)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())  # which knows UTF-8, -16 and -32, with or without a mark
    except OSError as failure:
        reason = failure.strerror or failure
        raise InvalidInput(f"preprocessing: expected {CHOICES}; got {str(path)!r} ({reason})") from failure
    except ValueError as failure:
        raise InvalidInput(f"preprocessing: {str(path)!r} is not JSON ({failure})") from failure
