"""Plans of every format version that is read keep their alpha. How they were made: tests/golden/make.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dim_trt
from dim_trt.plans.header import FORMAT_VERSION
from dim_trt.precisions import PRECISIONS
from tests.golden.picture import TOLERANCE, expected, picture
from tests.support.compare import assert_within

pytestmark = pytest.mark.public
GOLDEN = Path(__file__).parents[1] / "golden"
PLANS = sorted(GOLDEN.glob("v*/*.plan"))
RUN = """
import sys, numpy, dim_trt
from tests.golden.picture import picture
numpy.save(sys.argv[2], dim_trt.Engine(sys.argv[1], device="cpu").run(*picture()))
"""


def test_the_present_version_has_its_plans() -> None:
    present = {path.stem for path in PLANS if path.parent.name == f"v{FORMAT_VERSION}"}
    assert present == {*PRECISIONS, "computes_int8"}
    assert all(path.stat().st_size < 100_000 for path in PLANS)


@pytest.mark.smoke
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.parent.name}-{plan.stem}")
def test_alpha_is_what_it_was(plan: Path) -> None:
    alpha = dim_trt.Engine(plan, device="cpu").run(*picture())
    assert_within(alpha, expected(plan), TOLERANCE)
    unknown = picture()[1] == 128
    assert float(np.ptp(alpha[unknown])) > 0.1  # a flat alpha would hide much


@pytest.mark.parametrize("isa", dim_trt.capabilities()["cpu"]["available_isas"])
@pytest.mark.parametrize("name", ["fp16", "computes_int8"])
def test_on_every_instruction_set(name: str, isa: str, tmp_path: Path) -> None:
    plan = GOLDEN / f"v{FORMAT_VERSION}" / f"{name}.plan"
    variables = {**os.environ, "DIM_TRT_ISA": isa}
    result = tmp_path / "alpha.npy"
    subprocess.run([sys.executable, "-c", RUN, plan, result], cwd=GOLDEN.parents[1], env=variables, check=True)
    assert_within(np.load(result), expected(plan), TOLERANCE)
