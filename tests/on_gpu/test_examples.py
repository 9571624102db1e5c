"""PyCUDA and CuPy as programs use them: the examples, whole, beside a run on arrays of the host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt import Engine
from dim_trt.pictures.composite import composite
from dim_trt.trimaps import read_trimap
from tests.support import ROOT
from tests.support.gpu import Plans
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]
GREEN_BGR = (64, 177, 0)
FRAMES, STEP_PX = 4, 4


@pytest.mark.parametrize("package", ["cupy", "pycuda"])
def test_alpha_is_used_on_the_callers_stream(plans: Plans, package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    image, trimap = random_picture(3, 97, 131)
    plan, over = plans.plan("skip"), tmp_path / "over.png"
    for name, picture in (("image.png", image), ("trimap.png", trimap)):
        assert cv2.imwrite(str(tmp_path / name), picture)
    options = ["--plan", plan, "--frames", str(FRAMES), "--output", over]
    pictures = ["--image", tmp_path / "image.png", "--trimap", tmp_path / "trimap.png"]
    command = [sys.executable, ROOT / f"examples/{package}_frames.py", *options, *pictures]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    last, marks = (
        np.roll(array, STEP_PX * (FRAMES - 1), axis=1) for array in (image, read_trimap(tmp_path / "trimap.png"))
    )
    expected = composite(last, Engine(plan).run(last, marks), GREEN_BGR)
    found = cv2.imread(str(over))
    assert found is not None
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1  # rounded halves
