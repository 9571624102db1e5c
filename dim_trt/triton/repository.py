"""The folder that Triton loads: configuration, a model of the Python backend, the plan."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import StrPath, write_atomic

PLAN = "dim.plan"
MODEL = '''"""What Triton's Python backend loads; dim_trt must be installed for its Python."""

from dim_trt.triton.model import TritonPythonModel as TritonPythonModel
'''
CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: 0  # each request is one picture, of any size
input [
  {{ name: "image" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }},  # height, width, {color} as the client has it
  {{ name: "trimap" data_type: TYPE_UINT8 dims: [ -1, -1 ] }}  # 0 background, 255 foreground, else unknown
]
output [
  {{ name: "alpha" data_type: TYPE_FP32 dims: [ -1, -1 ] }}  # 0 to 1
]
instance_group [ {{ kind: {kind} count: {instances} }} ]
{parameters}
"""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def write_model(
    repository: StrPath, plan: StrPath, *, name: str, backend: str, instances: int, options: Mapping[str, object]
) -> Path:
    """Write a model into a repository, which is made if need be; its folder.

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
    if not NAME.fullmatch(name):
        raise InvalidInput(f"name: expected letters, digits, '_', '-' and '.', got {name!r}")
    folder = Path(repository, name)
    if os.path.lexists(folder):
        raise InvalidInput(f"output: {str(folder)!r} is there already; remove it, or give the model another --name")
    temporary = Path(repository, f".dim_trt-{secrets.token_hex(6)}.tmp")
    given = {key: value for key, value in options.items() if value is not None}
    parameters = "\n".join(
        f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}' for key, value in given.items()
    )
    kind = "KIND_CPU" if backend == "cpu" else "KIND_GPU"
    config = CONFIG.format(
        name=name, color=str(options.get("color")).upper(), kind=kind, instances=instances, parameters=parameters
    )
    try:
        (temporary / "1").mkdir(parents=True)
        write_atomic(temporary / "config.pbtxt", [config.encode()], what="config.pbtxt")
        write_atomic(temporary / "1" / "model.py", [MODEL.encode()], what="model.py")
        shutil.copyfile(plan, temporary / "1" / PLAN)
        temporary.rename(folder)
    except OSError as failure:
        raise Error(f"cannot write model {str(folder)!r}: {failure.strerror}") from failure
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
