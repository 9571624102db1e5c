"""The import rules of pyproject.toml notice what breaks them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

pytest.importorskip("importlinter")
PACKAGES = ("dim_trt", "training", "benchmarks")
LINT = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]  # to the source
sys.path.insert(0, ".")
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_logo=True, cache_dir=None, no_cache=True))
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of all Python files, to be broken."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT], cwd=house, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("dim_trt/graph/load.py", "import dim_trt.matte", "dim_trt.graph is not allowed to import dim_trt.matte"),
        ("dim_trt/errors.py", "import dim_trt.files", "dim_trt.errors is not allowed to import dim_trt.files"),
        ("dim_trt/video/formats.py", "import dim_trt.video.job", "No cycles are allowed"),
        ("dim_trt/engine.py", "import torch", "dim_trt is not allowed to import torch"),
        ("training/run.py", "import benchmarks.measure", "training is not allowed to import benchmarks"),
        ("dim_trt/new.py", "", "dim_trt.new"),
    ],
)
def test_a_broken_rule_is_named(file: str, line: str, rule: str, house: Path) -> None:
    path = house / file
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    said = lint(house)
    assert said.returncode == 1, said.stdout + said.stderr
    assert rule in said.stdout
