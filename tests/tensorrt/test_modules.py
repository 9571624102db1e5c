"""Each module of this build opens, and its errors arrive in Python as what they are.

A library of TensorRT's name and one of the driver's let the search succeed; CUDA's runtime, which is inside the
modules, then finds that there is no driver behind it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.tensorrt.libraries import FULL, NO_MODULES, fake_driver, fake_parser, fake_tensorrt, modules

pytestmark = pytest.mark.public
VERSIONS: list[Any] = modules() or [pytest.param("", marks=pytest.mark.skip(reason=NO_MODULES))]
BUILD = """
import dim_trt, sys
able = dim_trt.capabilities()
print(able["tensorrt"]["version"], able["cuda"]["devices"][0]["name"])
dim_trt.build_plan(None, sys.argv[1], backend="tensorrt")
"""
LOAD = """
import sys
from dim_trt import Engine
from dim_trt.plans.header import write_plan
from tests.support.tiny_graphs import PREPROCESSING
shapes = {name: [64, 64] for name in ("min", "opt", "max")}
header = {"task": "matting", "backend": "tensorrt", "inputs": [], "outputs": [], "preprocessing": PREPROCESSING,
          "shapes": shapes, "tensorrt": {"version": sys.argv[2], "sm": "9.0", "halo_px": 0}}
write_plan(sys.argv[1], header, b"no engine")
print(sys.argv[2], "Fake")
Engine(sys.argv[1])
"""


@pytest.mark.parametrize("program", [BUILD, LOAD], ids=["build", "load"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_driver_that_cuda_cannot_use_is_a_sentence(version: str, program: str, tmp_path: Path) -> None:
    fake_tensorrt(tmp_path, FULL, version)
    fake_parser(tmp_path, version)
    fake_driver(tmp_path)
    variables = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "DIM_TRT_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", program, str(tmp_path / "dim.plan"), version]
    run = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.stdout.split() != [version, "Fake"]:
        pytest.skip(f"another TensorRT or driver is found before those of this test: {run.stdout.strip()}")
    assert run.returncode == 1, run.stderr
    last = run.stderr.splitlines()[-1]
    assert re.match(r"dim_trt\.errors\.BackendUnavailable: CUDA finds no GPU: ", last), run.stderr
