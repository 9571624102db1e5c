"""OpenCV from any of its packages, from none, and from two: what is said then, and what works without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dim_trt import opencv

pytestmark = pytest.mark.public
NONE = 'raise ModuleNotFoundError("No module named \'cv2\'", name="cv2")'
NO_LIBRARY = 'raise ImportError("libGL.so.1: cannot open shared object file")'
UNINSTALLED = "# a folder without its modules imports as this file does"
NOT_INSTALLED = "pictures need OpenCV, which is not installed: pip install opencv-python-headless"
SENTENCES = {
    NONE: re.escape(NOT_INSTALLED),
    NO_LIBRARY: r"OpenCV is installed and cannot be loaded \(libGL.so.1: .*\); install the library .* opencv-.*",
    UNINSTALLED: r"OpenCV is installed and cannot be loaded \(.*__version__.*\); .* opencv-python-headless, .*",
}


def python(folder: Path, cv2: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python that imports this text as cv2."""
    (folder / "first").mkdir(exist_ok=True)
    (folder / "first" / "cv2.py").write_text(cv2)
    variables = os.environ | {"PYTHONPATH": str(folder / "first"), "DIM_TRT_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.smoke
@pytest.mark.parametrize("cv2", SENTENCES, ids=["none", "a library is missing", "uninstalled"])
def test_commands_that_need_it_say_so_in_one_line(cv2: str, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"")
    run = python(tmp_path, cv2, "-m", "dim_trt.matte", "--image", "image.png", "--trimap", "image.png")
    assert run.returncode == 1
    assert re.fullmatch(f"error: {SENTENCES[cv2]}\n", run.stderr), run.stderr


def test_trimaps_and_colors_raise_it(tmp_path: Path) -> None:
    code = """if True:
        import numpy as np, dim_trt
        from dim_trt import trimaps
        try:
            trimaps.from_mask(np.zeros((5, 7), np.uint8))
        except dim_trt.BackendUnavailable as failure:
            print(failure)
    """
    run = python(tmp_path, NONE, "-c", code)
    assert (run.stdout, run.stderr) == (f"{NOT_INSTALLED}\n", "")


@pytest.mark.smoke
def test_plans_and_engines_work_without(tmp_path: Path) -> None:
    code = """if True:
        import numpy as np, dim_trt
        dim_trt.build_plan("lite", "lite.plan")
        alpha = dim_trt.Engine("lite.plan").run(np.zeros((5, 7, 3), np.uint8), np.full((5, 7), 255, np.uint8))
        print(alpha.min())
    """
    run = python(tmp_path, NONE, "-c", code)
    assert (run.stdout, run.stderr) == ("1.0\n", "")


def test_every_module_can_be_imported_without(tmp_path: Path) -> None:
    code = """if True:
        import importlib, pkgutil, dim_trt
        for module in pkgutil.walk_packages(dim_trt.__path__, "dim_trt."):
            if module.name.endswith("__main__"):
                continue
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as failure:
                print(module.name, failure.name)
    """
    run = python(tmp_path, NONE, "-c", code)
    assert not run.stderr
    assert {line.split()[1] for line in run.stdout.splitlines()} <= {"av", "triton_python_backend_utils"}, run.stdout


def test_doctor_warns_and_is_well_without(tmp_path: Path) -> None:
    run = python(tmp_path, NONE, "-m", "dim_trt.doctor", "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["warnings"] == [NOT_INSTALLED]
    assert f"warning       {NOT_INSTALLED}\n" in python(tmp_path, NONE, "-m", "dim_trt.doctor").stdout


def test_doctor_names_the_package(tmp_path: Path) -> None:
    run = python(tmp_path, "__version__ = '9.8.7'", "-m", "dim_trt.doctor", "--json")
    named = json.loads(run.stdout)["libraries"]["opencv"]
    assert re.fullmatch(r"9\.8\.7 \((opencv-\S+ \d\S+( and opencv-\S+ \d\S+)*|not from pip)\)", named)


def test_doctor_warns_of_two_packages(tmp_path: Path) -> None:
    for name in ("opencv_python", "opencv_python_headless"):
        folder = tmp_path / "first" / f"{name}-4.9.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 4.9.0\n")
    run = python(tmp_path, "__version__ = '4.9.0'", "-m", "dim_trt.doctor")
    assert run.returncode == 0, run.stderr
    warnings = [line for line in run.stdout.splitlines() if line.startswith("warning ")]
    assert len(warnings) == 1
    assert "opencv-python-headless and opencv-python overwrite each other's cv2: pip uninstall" in warnings[0]


def test_an_attribute_that_python_itself_asks_for_is_missing_only() -> None:
    assert not hasattr(opencv.Missing(ImportError()), "__path__")
