"""Checkpoints as the training scripts of other repositories write them, and the formats that they come in."""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import pickle
import sys
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from tests.training.foreign_networks import Foamliu, Unit

STEPS = 3


def trained(network: nn.Module, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """An optimizer with a state, as after a step that left the weights as they are."""
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    return optimizer


class HistoryBuffer:
    """As mmengine.logging keeps the losses of a training."""

    def __init__(self) -> None:
        self.max_length = 1_000_000
        self._log_history = np.random.default_rng(0).random(20_000)
        self._count_history = np.ones(20_000, np.int64)


class ConfigDict(dict):  # type: ignore[type-arg]
    """As mmengine.config keeps what a config file says."""


def by_mmagic(network: nn.Module) -> dict[str, Any]:
    """MMEngine's runner: with message hub, optimizer and schedules."""
    scalars = collections.OrderedDict((f"train/{name}", HistoryBuffer()) for name in ("loss", "loss_alpha", "time"))
    return {
        "meta": {
            "seed": 0, "epoch": 0, "iter": STEPS, "experiment_name": "dim_stage1", "time": "20231001_000000",
            "mmengine_version": "0.9.0", "dataset_meta": {}, "hook_msgs": ConfigDict(best_score=np.float64(53.8)),
            "cfg": "# a long config file\n" * 5000,
        },
        "state_dict": network.state_dict(),
        "message_hub": {
            "log_scalars": scalars,
            "runtime_info": collections.OrderedDict(iter=STEPS, max_iters=1_000_000, last_ckpt=None),
            "resumed_keys": collections.OrderedDict({"train/loss": True}),
        },
        "optimizer": trained(network, torch.optim.Adam(network.parameters(), lr=1e-5)).state_dict(),
        "param_schedulers": [{"by_epoch": False, "_last_value": [1e-5]}],
    }  # fmt: skip


def by_mmediting(network: nn.Module) -> dict[str, Any]:
    """MMCV's runner."""
    meta = {"epoch": 1, "iter": STEPS, "mmcv_version": "1.3.3", "time": "Wed", "config": "model = dict()\n", "seed": 0,
            "hook_msgs": {"best_score": np.float64(53.8)}}  # fmt: skip
    optimizer = trained(network, torch.optim.Adam(network.parameters(), lr=1e-5))
    return {"meta": meta, "state_dict": network.state_dict(), "optimizer": optimizer.state_dict()}


def by_huochaitiantang(network: nn.Module) -> dict[str, Any]:
    """Before v1.2."""
    return {"epoch": STEPS, "state_dict": network.state_dict()}


def by_huochaitiantang_with_sad(network: nn.Module) -> dict[str, Any]:
    """From v1.2 on: the sum of NumPy numbers divided by a count."""
    return {"epoch": STEPS, "state_dict": network.state_dict(), "best_sad": np.float64(161_200.5) / 3}


def by_indexnet(network: nn.Module) -> dict[str, Any]:
    parameters = list(network.named_parameters())
    new = [value for name, value in parameters if "dconv" in name or "pred" in name]
    old = [value for name, value in parameters if "dconv" not in name and "pred" not in name]
    optimizer = torch.optim.Adam([{"params": new}, {"params": old, "lr": 1e-4}], lr=1e-2)
    measured = {name: [np.mean([1.0, 2.0]), np.mean([55.8])] for name in ("sad", "mse", "grad", "conn")}
    return {
        "state_dict": network.state_dict(),
        "optimizer": trained(network, optimizer).state_dict(),
        "epoch": STEPS,
        "train_loss": {"running_loss": [0.5, 0.25], "epoch_loss": [0.3]},
        "val_loss": {"running_loss": [], "epoch_loss": [np.mean([55.8])]},
        "measure": measured,
    }


def by_foamliu(network: nn.Module) -> dict[str, Any]:
    """Whole objects: the network in DataParallel, and the optimizer."""
    return {
        "epoch": STEPS,
        "epochs_since_improvement": 0,
        "loss": 0.07,
        "model": nn.DataParallel(network),
        "optimizer": trained(network, torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)),
    }


def by_a_script(network: nn.Module) -> dict[str, Any]:
    """What many scripts do: their arguments beside the tensors."""
    return {"args": argparse.Namespace(lr=1e-5, out=Path("runs")), "net": network.state_dict(),
            "losses": collections.defaultdict(list, total=[np.float32(1)]), "seen": {1, 2}}  # fmt: skip


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Texts as byte strings, ordered dictionaries as lists of pairs, under the names that Python 2 has."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_bytes_string(self, text: str | bytes) -> None:
        data = text.encode("latin1") if isinstance(text, str) else text
        head = b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + len(data).to_bytes(4, "little")
        self.write(head + data)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_bytes_string

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, collections.OrderedDict):
            return collections.OrderedDict, ([[key, item] for key, item in value.items()],), vars(value)
        return NotImplemented


PYTHON2 = types.SimpleNamespace(
    __name__="pickle",
    Pickler=Python2Pickler,
    dump=lambda value, file, protocol: Python2Pickler(file, protocol).dump(value),
)


def as_zip(content: object, path: Path) -> None:
    torch.save(content, path)


def as_legacy(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def as_python2(content: object, path: Path) -> None:
    torch.save(content, path, pickle_module=PYTHON2, _use_new_zipfile_serialization=False)


def as_big_endian(content: object, path: Path) -> None:
    """Of a machine with the other byte order; float32 alone."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = b"big" if name.endswith("byteorder") else source.read(name)
            target.writestr(name, np.frombuffer(data, "<f4").astype(">f4").tobytes() if "/data/" in name else data)


FORMATS: dict[str, Callable[[object, Path], None]] = {
    "zip": as_zip,
    "legacy": as_legacy,
    "Python 2": as_python2,
    "big endian": as_big_endian,
}
CLASSES: dict[type, str] = {
    HistoryBuffer: "mmengine.logging.history_buffer",
    ConfigDict: "mmengine.config.config",
    Foamliu: "models",
    Unit: "models",
}


def write(content: object, path: Path, form: str = "zip") -> Path:
    """As a program writes it in which these classes are those of its own modules."""
    with contextlib.ExitStack() as stack:
        for kind, module in CLASSES.items():
            stack.enter_context(known_as(kind, module))
        FORMATS[form](content, path)
    return path


@contextlib.contextmanager
def known_as(kind: type, module: str) -> Iterator[None]:
    """Meanwhile `kind` is a class of `module`, which need not exist."""
    parts = module.split(".")
    names = [".".join(parts[: count + 1]) for count in range(len(parts))]
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: types.ModuleType(name) for name in absent})
    setattr(sys.modules[module], kind.__name__, kind)
    before, kind.__module__ = kind.__module__, module
    sys.modules[module].__file__ = sys.modules[before].__file__  # torch.save keeps the source of modules
    try:
        yield
    finally:
        kind.__module__ = before
        for name in absent:
            del sys.modules[name]
