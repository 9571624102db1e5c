"""The programs in examples/ for pictures in GPU memory, as far as they go without a GPU; tests/on_gpu runs them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

PROGRAMS = {"cupy": "CuPy is needed", "pycuda": "PyCUDA is needed"}


def start(package: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", ROOT / f"examples/{package}_frames.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", PROGRAMS)
def test_it_says_what_it_takes_without_the_package(package: str) -> None:
    done = start(package, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--plan PLAN" in done.stdout
    assert f"python examples/{package}_frames.py --plan" in done.stdout


@pytest.mark.parametrize("package", PROGRAMS)
def test_it_says_which_package_is_missing(package: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    paths = [tmp_path / name for name in ("dim.plan", "image.png", "trimap.png", "over.png")]
    done = start(package, "--plan", paths[0], "--image", paths[1], "--trimap", paths[2], "--output", paths[3])
    assert done.returncode == 1
    assert done.stderr.startswith(PROGRAMS[package])
    assert len(done.stderr.splitlines()) == 1
