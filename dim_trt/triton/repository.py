"""The folders that Triton loads: for each model its configuration, and files of its version."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath, read_whole, write_atomic

PLAN = "dim.plan"
MODEL = '''"""What Triton's Python backend loads; dim_trt must be installed for its Python."""

from dim_trt.triton.{module} import {name} as TritonPythonModel
'''
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
Tensor = tuple[str, str, tuple[int, ...]]  # name, type, sizes; -1: any
IMAGE: Tensor = ("image", "UINT8", (-1, -1, 3))  # height, width, colors
TRIMAP: Tensor = ("trimap", "UINT8", (-1, -1))  # 0 background, 255 foreground, else unknown
ALPHA: Tensor = ("alpha", "FP32", (-1, -1))  # 0 to 1


@dataclass(frozen=True)
class Model:
    """config: the text of config.pbtxt; files: of version 1."""

    config: str
    files: Mapping[str, bytes]


def write_model(
    repository: StrPath, plan: StrPath, *, name: str, backend: str, instances: int, options: Mapping[str, object]
) -> Path:
    """Write a model that runs `Engine` into a repository, which is made if need be; its folder.

    Args:
        repository: the folder of all models.
        plan: what runs; it is copied.
        name: of the model, by which clients ask for it.
        backend: of the plan: "cpu" or "tensorrt".
        instances: engines that run at a time; on a GPU, on each.
        options: of `Engine`, by name; None is its default.

    Raises:
        InvalidInput: the name is none, or there is such a model.
        Error: the folder cannot be written.
    """
    kind = "KIND_CPU" if backend == "cpu" else "KIND_GPU"
    config = config_of(name, 'backend: "python"', [IMAGE, TRIMAP], [ALPHA], group=(kind, instances), options=options)
    return write_models(
        repository,
        {name: Model(config, {"model.py": model_file("model", "TritonPythonModel"), PLAN: read_whole(plan)})},
    )[name]


def model_file(module: str, name: str) -> bytes:
    """model.py for a class of dim_trt.triton."""
    return MODEL.format(module=module, name=name).encode()


def config_of(
    name: str,
    runs_in: str,
    inputs: Iterable[Tensor],
    outputs: Iterable[Tensor],
    *,
    group: tuple[str, int] | None = None,
    options: Mapping[str, object] | None = None,
) -> str:
    """A config.pbtxt.

    runs_in: the line of its backend or platform.
    group: kind and number of instances; None: as Triton has it.
    options: parameters; None is left out.
    """
    lines = [f'name: "{name}"', runs_in, "max_batch_size: 0  # each request is one picture, of any size"]
    for key, tensors in (("input", inputs), ("output", outputs)):
        lines += [
            f'{key} [ {{ name: "{tensor}" data_type: TYPE_{kind} dims: [ {", ".join(map(str, sizes))} ] }} ]'
            for tensor, kind, sizes in tensors
        ]
    if group:
        lines.append(f"instance_group [ {{ kind: {group[0]} count: {group[1]} }} ]")
    for option, value in (options or {}).items():
        if value is not None:
            lines.append(f'parameters {{ key: "{option}" value: {{ string_value: "{value}" }} }}')
    return "\n".join([*lines, ""])


def write_models(repository: StrPath, models: Mapping[str, Model]) -> dict[str, Path]:
    """Each whole, and all or none; their folders. Raises as `write_model`."""
    folders = {name: Path(repository, name) for name in models}
    for name, folder in folders.items():
        if not NAME.fullmatch(name):
            raise InvalidInput(f"name: expected letters, digits, '_', '-' and '.', got {name!r}")
        if os.path.lexists(folder):
            raise InvalidInput(f"output: {str(folder)!r} is there already; remove it, or give the model another --name")
    temporary = Path(repository, f".dim_trt-{secrets.token_hex(6)}.tmp")
    placed: list[Path] = []
    try:
        for name, model in models.items():
            (temporary / name / "1").mkdir(parents=True)
            write_atomic(temporary / name / "config.pbtxt", [model.config.encode()], what="config.pbtxt")
            for file, data in model.files.items():
                write_atomic(temporary / name / "1" / file, [data], what=file)
        for name, folder in folders.items():
            (temporary / name).rename(folder)
            placed.append(folder)
    except OSError as failure:
        for folder in placed:
            shutil.rmtree(folder, ignore_errors=True)
        raise Error(f"cannot write model {str(next(iter(folders.values())))!r}: {failure.strerror}") from failure
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folders
