"""dim_tensorrt_check.<major>: the parts of the backend that run without a GPU, on stand-ins for TensorRT's classes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dim_trt.capabilities import tensorrt_folders
from tests.tensorrt.libraries import FOLDER, check_program, majors

pytestmark = pytest.mark.timeout(60)
LIBRARIES = {"8": "libnvinfer.so.8", "10": "libnvinfer.so.10", "11": "libnvinfer_lean.so.11"}


@pytest.fixture(name="program", params=majors())
def fixture_program(request: pytest.FixtureRequest) -> Path:
    return check_program(request.param)


def test_every_check_holds(program: Path) -> None:
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert run.stdout.endswith(" checks, 0 wrong\n")


@pytest.mark.parametrize("major", majors())
def test_registry_of_the_real_library_takes_both_plugins(major: str) -> None:
    program, plugins = check_program(major), FOLDER / f"libdim_trt_plugins.{major}.so"
    name = LIBRARIES[major]
    folders = [Path(folder) / name for folder in tensorrt_folders()]
    library = next((path for path in folders if path.exists()), name)
    run = subprocess.run([program, library, plugins], capture_output=True, text=True, check=False)
    if f"opening {name}" in run.stdout and "No such file" in run.stdout:
        pytest.skip(f"{name} is neither on the loader's path nor from pip")
    assert run.returncode == 0, run.stdout
    assert run.stdout == "2 checks, 0 wrong\n"
