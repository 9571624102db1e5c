"""What an ONNX file says of itself beside its graph, under keys that begin with `dim_trt.`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.preprocessing import CHOICES, problem_of

FORMAT_VERSION = 1  # written by training.export
MAX_CHARACTERS = 1 << 16
TASK, NETWORK = "matting", "dim"  # of files that do not say it


@dataclass(frozen=True)
class Task:
    """What networks of a task are: its own network's name, what they are fed and what they answer.

    takes_trimap: in a fourth channel, beside the colors.
    """

    network: str
    takes_trimap: bool
    answer: str

    @property
    def channels(self) -> int:
        """Of a network's input."""
        return 4 if self.takes_trimap else 3

    @property
    def fed(self) -> str:
        return "RGB and trimap" if self.takes_trimap else "RGB"


TASKS = {TASK: Task(NETWORK, True, "alpha"), "segmentation": Task("salient", False, "the mask")}


def task_of(proto: onnx.ModelProto) -> str:
    """One of TASKS. Raises BuildError."""
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    return _known(metadata, "dim_trt.task", TASK, list(TASKS))


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
    task = task_of(proto)
    network = TASKS[task].network
    return {
        "task": task,
        "network": _known(metadata, "dim_trt.network", network, [network]),
        "preprocessing": _preprocessing(metadata, TASKS[task], chosen),
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


def _known(metadata: dict[str, str], key: str, default: str, known: Sequence[str]) -> str:
    if (found := metadata.get(key, default)) not in known:
        expected = " or ".join(map(repr, known))
        raise BuildError(f"onnx: metadata {key!r}: expected {expected}, got {found!r}; upgrade dim_trt")
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


def _preprocessing(metadata: dict[str, str], task: Task, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """What the network is fed; without it no picture can be run, so it must be there and make sense."""
    key = "dim_trt.preprocessing"
    if key not in metadata:
        if chosen is not None:
            if problem := _trimap_problem(chosen, task):
                raise InvalidInput(f"preprocessing: {problem}")
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
    if problem := problem_of(values) or _trimap_problem(values, task):
        raise BuildError(f"onnx: metadata {key!r}: {problem}; export the model again")
    return values


def _trimap_problem(preprocessing: Mapping[str, Any], task: Task) -> str:
    """Where it is for a network of another task; empty if it is not."""
    if ("trimap_scale" in preprocessing) == task.takes_trimap:
        return ""
    return f"expected {'a' if task.takes_trimap else 'no'} trimap_scale, as the network is fed {task.fed}"
