"""A checkpoint file of somebody else -> tensors by name. Never runs code from the file."""

from __future__ import annotations

import contextlib
import functools
import importlib
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from training.checkpoints import DAMAGED, CheckpointError
from training.foreign.archives import open_archive
from training.foreign.formats import TENSORFLOW, folder_problem, is_safetensors, other_format
from training.foreign.machine import Inert, MalformedError
from training.foreign.modules import state_dict_of
from training.foreign.stored import StoredTensor
from training.foreign.suspicion import SuspiciousError

# Keys under which programs keep the tensors, and averaged ones, which are the better ones, before others
CONTAINERS = ("params_ema", "model_ema", "state_dict_ema", "state_dict", "model_state_dict", "params", "model", "net",
              "network", "generator", "weights")  # fmt: skip
WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")  # PyTorch's own, anywhere in a name
MAX_LEVELS = 4
SUSPICIOUS = (
    "names {name}, which can run programs and which no checkpoint needs: suspicious. Nothing of it was run; open it "
    "nowhere else, and get the checkpoint from a source that you trust"
)


class Found(NamedTuple):
    """Tensors by name, the keys that lead to them in the file, and what was taken out of their names."""

    tensors: Mapping[str, Any]
    path: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """What the file holds: dictionaries, lists, numbers, Inert objects, and tensors that can be loaded until the end.

    A .safetensors file that `writing` wrote comes as {"metadata": …, "model": tensors}. Raises CheckpointError, also in
    place of what `StoredTensor.load` raises.
    """
    if not path.is_file() and not path.is_dir():
        if path.with_name(f"{path.name}.index").is_file():
            raise CheckpointError(f"{path}: {TENSORFLOW}")
        raise CheckpointError(f"{path}: no such checkpoint; train one with `python -m training.train`")
    try:
        if said := folder_problem(path) if path.is_dir() else other_format(path):
            raise CheckpointError(f"{path}: {said.format(name=path.name)}")
        if path.suffix == ".safetensors" or is_safetensors(path):
            yield _read_safetensors(path)
            return
        with open_archive(path) as archive:
            yield archive.content()
    except SuspiciousError as error:
        raise CheckpointError(f"{path}: {SUSPICIOUS.format(name=error)}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (MalformedError, zipfile.BadZipFile, EOFError, NotImplementedError, struct.error) as error:
        if "CRC" in str(error):
            raise CheckpointError(f"{path}: {DAMAGED} ({error})") from error
        raise CheckpointError(f"{path}: truncated, or no checkpoint of PyTorch ({error})") from error


def find_tensors(content: Any, path: Path) -> Found:
    """The tensors in what `opened` gave, by their names without WRAPPERS; raises CheckpointError without any."""
    if not isinstance(content, (Mapping, Inert)):
        raise CheckpointError(f"{path}: expected tensors by name, got {_kind(content)}")
    found = _search(content, MAX_LEVELS, set())
    if found is None:
        listed = ", ".join(f"{key} ({_kind(value)})" for key, value in list(_items(content))[:8])
        raise CheckpointError(f"{path}: holds no tensors by name; it has {listed or 'nothing'}")
    tensors: dict[str, Any] = {}
    for key, value in found.tensors.items():
        if not _is_tensor(value):
            expected = f"a tensor, or all tensors under one of {', '.join(CONTAINERS)}"
            raise CheckpointError(f"{path}: {_text(key)}: expected {expected}; got {_kind(value)}")
        name = functools.reduce(lambda text, wrapper: text.replace(wrapper, ""), WRAPPERS, _text(key))
        if name in tensors:
            raise CheckpointError(f"{path}: has two tensors by the name {name}")
        tensors[name] = value
    wrappers = tuple(wrapper for wrapper in WRAPPERS if any(wrapper in _text(key) for key in found.tensors))
    return Found(tensors, found.path, wrappers)


def load_tensors(tensors: Mapping[str, Any], names: Iterable[str], path: Path) -> dict[str, Tensor]:
    """The numbers of some tensors, in float32; raises CheckpointError."""
    loaded = {}
    for name in names:
        value = tensors[name]
        values = value.load() if isinstance(value, StoredTensor) else value
        if not values.is_floating_point():
            raise CheckpointError(f"{path}: {name}: expected floating-point numbers, got {values.dtype}")
        loaded[name] = values.float()
        if not torch.isfinite(loaded[name]).all():
            raise CheckpointError(f"{path}: {name}: holds NaN or infinity; the training has diverged")
    return loaded


def _search(content: Any, levels: int, seen: set[int]) -> Found | None:
    """Tensors under the first key of CONTAINERS that leads to some, else here, else under any key."""
    if levels == 0 or id(content) in seen or not isinstance(content, (Mapping, Inert)):
        return None
    seen.add(id(content))
    items = dict(_items(content))
    known = [key for key in CONTAINERS if key in items]
    for key in known:
        if found := _search(items[key], levels - 1, seen):
            return Found(found.tensors, (key, *found.path))
    if any(map(_is_tensor, items.values())):
        return Found(items)
    for key in items:
        is_other = isinstance(key, str) and key not in known and not key.startswith("optim")
        if is_other and (found := _search(items[key], levels - 1, seen)):
            return Found(found.tensors, (key, *found.path))
    return None


def _items(content: Any) -> Iterable[tuple[Any, Any]]:
    values = state_dict_of(content) if isinstance(content, Inert) else content
    return values.items()


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (Tensor, StoredTensor))


def _kind(value: Any) -> str:
    return value.kind if isinstance(value, Inert) else "tensor" if _is_tensor(value) else type(value).__name__


def _text(key: Any) -> str:
    return key if isinstance(key, str) else _kind(key) if isinstance(key, (Inert, bytes)) else str(key)


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
            metadata = file.metadata() or {}
    except (package.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: truncated, or no safetensors file ({error})") from error
    return {"metadata": metadata, "model": tensors} if "dim_trt.config" in metadata else tensors
