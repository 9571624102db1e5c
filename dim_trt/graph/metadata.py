"""What an ONNX file says of itself beside its graph, under keys that begin with `dim_trt.`."""

from __future__ import annotations

import json
from typing import Any

import onnx

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.preprocessing import CHOICES, problem_of

FORMAT_VERSION = 1  # written by training.export
MAX_CHARACTERS = 1 << 16
TASK, NETWORK = "matting", "dim"  # of files that do not say it


def described(proto: onnx.ModelProto, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """task, network, preprocessing, model, licence and origin; `chosen` is the preprocessing of a file without its own.

    Raises BuildError for what makes no sense, InvalidInput where the file has its own preprocessing.
    """
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    if not all(isinstance(text, str) for text in (*metadata.keys(), *metadata.values())):
        raise BuildError("onnx: the metadata are not UTF-8; the file is damaged: copy or export it again")
    if sum(len(text) for key, text in metadata.items() if key.startswith("dim_trt.")) > MAX_CHARACTERS:
        raise BuildError(
            f"onnx: expected metadata of at most {MAX_CHARACTERS} characters under dim_trt., got more; shorten them"
        )
    return {
        "task": _known(metadata, "dim_trt.task", TASK),
        "network": _known(metadata, "dim_trt.network", NETWORK),
        "preprocessing": _preprocessing(metadata, chosen),
        "model": _model(metadata),
        "licence": metadata.get("dim_trt.licence", "unknown"),
        "origin": metadata.get("dim_trt.origin", "unknown"),
    }


def _json_object(metadata: dict[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata[key])
    except (ValueError, RecursionError) as failure:
        raise BuildError(f"onnx: metadata {key!r} is not JSON ({failure}); export the model again") from failure
    if not isinstance(value, dict):
        raise BuildError(f"onnx: metadata {key!r}: expected a JSON object, got {type(value).__name__}; export it again")
    return value


def _known(metadata: dict[str, str], key: str, known: str) -> str:
    if (found := metadata.get(key, known)) != known:
        raise BuildError(f"onnx: metadata {key!r}: expected {known!r}, got {found!r}; upgrade dim_trt")
    return found


def _model(metadata: dict[str, str]) -> dict[str, Any]:
    key = "dim_trt.model"
    value = _json_object(metadata, key) if key in metadata else {}
    if not _is_storable(value):
        raise BuildError(
            f"onnx: metadata {key!r}: expected text, finite numbers and few levels; export the model again"
        )
    return value


def _is_storable(value: Any, depth: int = 8) -> bool:
    """Whether the plan's header can hold it: its reader is stricter than Python's."""
    if isinstance(value, (dict, list)):
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(_is_storable(part, depth - 1) for part in parts)
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    return value is None or abs(value) < 1e300  # false for NaN


def _preprocessing(metadata: dict[str, str], chosen: dict[str, Any] | None) -> dict[str, Any]:
    """What the network is fed; without it no picture can be matted, so it must be there and make sense."""
    key = "dim_trt.preprocessing"
    if key not in metadata:
        if chosen is not None:
            return chosen
        raise BuildError(
            f"onnx: metadata {key!r} is missing, and nothing else says what the network is fed: choose --preprocessing "
            f"{CHOICES}; or export the model with `python -m training.export`, which writes it"
        )
    if chosen is not None:
        raise InvalidInput(f"preprocessing: the file's own metadata {key!r} say it; leave it out")
    version = metadata.get("dim_trt.format_version", "")
    if version != str(FORMAT_VERSION):
        raise BuildError(
            f"onnx: expected metadata of format version {FORMAT_VERSION}, got {version or 'none'}; "
            "export the model again"
        )
    values = _json_object(metadata, key)
    if problem := problem_of(values):
        raise BuildError(f"onnx: metadata {key!r}: {problem}; export the model again")
    return values
