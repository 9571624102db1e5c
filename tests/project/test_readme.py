"""What the README tells people to type works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import ROOT

README = (ROOT / "README.md").read_text()
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text()


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def environment(tmp_path: Path) -> dict[str, str]:
    """`python` is this one, and the cache is empty."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error "$@"\n')
    (bin_folder / "python").chmod(0o755)
    return os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "DIM_TRT_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the samples and nothing else of the project."""
    shutil.copytree(ROOT / "samples", tmp_path / "work" / "samples")
    return tmp_path / "work"


@pytest.mark.public
@pytest.mark.smoke
def test_the_python_example_runs(tmp_path: Path, folder: Path) -> None:
    (example,) = blocks("python")
    subprocess.run(["python", "-c", example], cwd=folder, env=environment(tmp_path), check=True)
    alpha, trimap = (cv2.imread(str(folder / name), 0) for name in ("alpha.png", "samples/astronaut_trimap.png"))
    unknown = (trimap != 0) & (trimap != 255)
    np.testing.assert_array_equal(alpha[~unknown], trimap[~unknown])
    assert alpha[unknown].mean() / 255 == pytest.approx(0.515, abs=0.02)  # other weights may move it a little


@pytest.mark.public
def test_the_commands_run(tmp_path: Path, folder: Path) -> None:
    (first,) = [block for block in blocks("sh") if "dim_trt.matte" in block]
    second = "".join(blocks("sh", COMMAND_LINE))  # which goes on where the README ends
    variables = environment(tmp_path)
    subprocess.run(["sh", "-euxc", first], cwd=folder, env=variables, check=True)
    names = {"alpha.png", "cutout.png", "composite.png", "dim.plan"}
    assert {path.name for path in (folder / "out").iterdir()} == names
    subprocess.run(["sh", "-euxc", second], cwd=folder, env=variables, check=True)
    names |= {"trimap.png", "preview.jpg", "alpha2.png", "alphas", "cutouts", "piped.png", "best.png"}
    assert {path.name for path in (folder / "out").iterdir()} == names


def test_make_knows_the_commands_of_the_first_screen() -> None:
    makefile = (ROOT / "Makefile").read_text()
    first = blocks("sh")[0]
    targets = re.findall(r"^make (\w+)", first, re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
