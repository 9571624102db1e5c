"""Checkpoints: one file with the network's configuration, its averaged weights and what resuming needs."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dim_trt.errors import Error
from dim_trt.files import replaced
from training.model import DeepImageMatting, ModelConfig
from training.networks import KINDS, MATTING, Config, Kind, Network, kind_of, make_network, read_config

FORMAT = 1
DAMAGED = "damaged: its bytes are not those of its checksum; copy or download it again"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says which file, why, and what to do."""


def save_checkpoint(
    path: Path, config: Config, model: dict[str, torch.Tensor], training: dict[str, Any] | None = None
) -> None:
    """Writes {format, task, network, config, model, training} so that `path` is always a whole file, old or new.

    Raises CheckpointError where it cannot be written, as on a full disk.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path, what="checkpoint") as temporary:
            task, network = kind_of(config)
            kind = {"format": FORMAT, "task": task, "network": network}
            torch.save({**kind, "config": config.to_dict(), "model": model, "training": training}, temporary)
    except (Error, OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        cause = error.__cause__ if isinstance(error, Error) else error
        reason = str(cause or error).splitlines()[0]
        older = "; the older one is untouched: make room and continue with --resume" if path.exists() else ""
        raise CheckpointError(f"{path}: cannot write the checkpoint ({reason}){older}") from error


def load_checkpoint(path: Path, *kinds: Kind) -> dict[str, Any]:
    """The dictionary that `save_checkpoint` wrote for a network of one of these kinds, for matting where there are
    none; never runs code from the file."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; train one with `python -m training.train`")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: truncated, or no checkpoint of this program ({reason})") from error
    _check_checksums(path)
    if not isinstance(content, dict) or not {"format", "config", "model"} <= content.keys():
        raise CheckpointError(f"{path}: no checkpoint of this program (expected format, config and model)")
    if content["format"] != FORMAT:
        raise CheckpointError(f"{path}: checkpoint format {content['format']}, this program reads {FORMAT}")
    found, expected = kind_in(content), kinds or (MATTING,)
    if found not in expected:
        either = " or ".join(map(str, expected))
        cure = "it is for another command or --config" if found in KINDS else "use a newer version"
        raise CheckpointError(f"{path}: expected task and network {either}, got {found}; {cure}")
    return content


def kind_in(content: Mapping[str, Any]) -> Kind:
    """Older checkpoints do not say it."""
    return content.get("task", MATTING[0]), content.get("network", MATTING[1])


def _check_checksums(path: Path) -> None:
    """Raise CheckpointError where a part of a zip archive is not what was written; torch.load does not look."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as file:
            part = file.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: {DAMAGED} ({error})") from error
    if part:
        raise CheckpointError(f"{path}: {DAMAGED} ({part})")


def load_model(path: Path | str, config: ModelConfig | None = None) -> DeepImageMatting:
    """The averaged network for matting in eval mode. `config`, if given, must be the checkpoint's."""
    model = load_network(path, MATTING, config=config)
    assert isinstance(model, DeepImageMatting)
    return model


def load_network(path: Path | str, *kinds: Kind, config: Config | None = None) -> Network:
    """The same of a network of any of these kinds; of all that there are by default."""
    path = Path(path)
    content = load_checkpoint(path, *(kinds or KINDS))
    try:
        stored = read_config(kind_in(content), content["config"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: unusable model configuration ({error})") from error
    if config is not None and config != stored:
        raise CheckpointError(f"{path}: holds {stored}, expected {config}; choose the matching --config")
    model = make_network(stored)
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"{path}: weights do not fit their configuration ({error})") from error
    return model.eval()
