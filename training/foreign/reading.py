"""A checkpoint file of somebody else -> tensors by name. Never runs code from the file."""

from __future__ import annotations

import importlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.checkpoints import CheckpointError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # keys under which programs keep the tensors
CONVERSION = """
    module = torch.load({path!r}, map_location="cpu", weights_only=False)["model"]
    torch.save(getattr(module, "module", module).state_dict(), "weights.pt")"""


def read_file(path: Path) -> dict[str, Any]:
    """What a .safetensors file or a file of torch.save holds; raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; train one with `python -m training.train`")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: expected tensors by name, got {type(content).__name__}")
    return dict(content)


def tensors_of(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The float32 tensors in what `read_file` gave, by name, without the prefix that DataParallel adds."""
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not content:
        raise CheckpointError(f"{path}: holds no tensors")
    tensors = {}
    prefixed = all(str(key).startswith("module.") for key in content)
    for key, value in content.items():
        name = str(key).removeprefix("module.") if prefixed else str(key)
        if not isinstance(value, Tensor):
            expected = f"a tensor, or all tensors under one of {', '.join(WRAPPERS)}"
            raise CheckpointError(f"{path}: {key}: expected {expected}; got {type(value).__name__}")
        tensors[name] = value.float() if value.is_floating_point() else value
        if not torch.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path}: {key}: holds NaN or infinity; the training has diverged")
    return tensors


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"(?:GLOBAL|instantiate|function)\s+([\w.]+)", str(error))
        if found is None:
            raise CheckpointError(f"{path}: truncated, or no checkpoint of PyTorch") from error
        raise CheckpointError(
            f"{path}: holds more than tensors ({found[1]}), and loading that would run code from the file; if you "
            "trust it, convert it once, with the program that wrote it on PYTHONPATH:"
            f"{CONVERSION.format(path=str(path))}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: truncated, or no checkpoint of PyTorch ({reason})") from error


def safetensors(path: Path) -> Any:
    """The package, which is optional."""
    try:
        importlib.import_module("safetensors.torch")
        return importlib.import_module("safetensors")
    except ImportError as error:
        raise CheckpointError(f"{path}: needs the package safetensors: pip install safetensors") from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Tensors; and of a file of ours what else its metadata say."""
    package = safetensors(path)
    try:
        with package.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return {"metadata": file.metadata() or {}, "model": tensors}
    except (package.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: truncated, or no safetensors file ({error})") from error
