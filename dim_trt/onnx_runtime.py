"""ONNX Runtime, an optional dependency: int8 is calibrated with it, and masks are made with it. No plan needs it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

QUIET = 3  # errors alone; its remarks on a graph are for its developers


class Refused(Exception):  # noqa: N818 (not raised beyond this package: callers say what it means to them)
    """What ONNX Runtime said of a model or of a run, in one line. Its own exceptions have no public base class."""


def is_installed() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def open_session(model: bytes | str, settings: Mapping[str, str] | None = None, *, threads: int = 0) -> Any:
    """An InferenceSession on the CPU.

    Args:
        model: the file's bytes, or its path.
        settings: entries of the session's configuration.
        threads: of one run; 0 leaves it to ONNX Runtime.

    Raises:
        ModuleNotFoundError: it is not installed.
        Refused: it cannot load the model.
    """
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others work on this machine too
    for name, value in (settings or {}).items():
        options.add_session_config_entry(name, value)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as failure:
        raise Refused(_line(failure)) from failure


def run_session(session: Any, outputs: Any, inputs: Mapping[str, Any]) -> list[Any]:
    """The named outputs, or all for None. Raises Refused."""
    try:
        results: list[Any] = session.run(outputs, inputs)
    except Exception as failure:
        raise Refused(_line(failure)) from failure
    return results


def _line(failure: Exception) -> str:
    return next(iter(str(failure).splitlines()), type(failure).__name__)
