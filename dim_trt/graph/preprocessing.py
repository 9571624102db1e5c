"""What a network is fed, as the metadata of an ONNX file say it; files of other programs have none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dim_trt.errors import InvalidInput

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
Rule = tuple[str, Callable[[Any], bool]]  # what is expected, and whether a value is that
MAX_SIDE_PX = 1 << 20
RULES: dict[str, Rule] = {
    "channel_order": ("'rgb' or 'bgr'", lambda v: v in ("rgb", "bgr")),
    "mean": ("three numbers", lambda v: _numbers(v, 3)),
    "std": ("three numbers above 0", lambda v: _numbers(v, 3) and min(v) > 1e-12),
    "trimap_scale": ("a number above 0", lambda v: _numbers([v], 1) and v > 0),
    "stride": ("32", lambda v: v == 32),
    "padding": ("'reflect' or 'none'", lambda v: v in ("reflect", "none")),
}
INTERPOLATIONS = ("nearest", "linear", "cubic")
RESIZE_RULES: dict[str, Rule] = {
    "round": ("'down' or 'up'", lambda v: v in ("down", "up")),
    "max_side": ("a multiple of 32, or 0", lambda v: type(v) is int and 0 <= v <= MAX_SIDE_PX and v % 32 == 0),
    "pixels": ("'uint8' or 'float32'", lambda v: v in ("uint8", "float32")),
    **{name: (", ".join(INTERPOLATIONS), lambda v: v in INTERPOLATIONS) for name in ("img", "trimap", "alpha")},
}
OPTIONAL_RULES: dict[str, Rule] = {
    "trimap_values": ("'canonical' or 'raw'", lambda v: v in ("canonical", "raw")),
    "resize": ("null or an object", lambda v: v is None or isinstance(v, Mapping)),
}
CHOICES = (
    "imagenet (RGB by ImageNet's mean and std, trimap / 255), raw-bgr (nothing subtracted or divided), or a JSON file "
    f"with {', '.join(RULES)}"
)


def problem_of(values: Mapping[str, Any]) -> str:
    """What is wrong with a description of preprocessing; empty if nothing is."""
    present = {name: rule for name, rule in OPTIONAL_RULES.items() if name in values}
    if problem := _problem_of(values, RULES | present):
        return problem
    resize = values.get("resize")
    if resize is not None and values["padding"] != "none":
        return f"padding: expected 'none' with resize, got {values['padding']!r}"
    problem = _problem_of(resize, RESIZE_RULES) if resize is not None else ""
    return f"resize: {problem}" if problem else ""


def _problem_of(values: Mapping[str, Any], rules: Mapping[str, Rule]) -> str:
    if set(values) != set(rules):
        return f"expected {', '.join(rules)}, got {', '.join(map(str, values)) or 'nothing'}"
    for name, (expected, is_right) in rules.items():
        if not is_right(values[name]):
            return f"{name}: expected {expected}, got {values[name]!r}"
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


def _numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == count
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e38 for v in values)
    )
