"""dim_tensorrt_check.<major>: the parts of the backend that run without a GPU, on stand-ins for TensorRT's classes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tensorrt.libraries import check_program, majors

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(name="program", params=majors())
def fixture_program(request: pytest.FixtureRequest) -> Path:
    return check_program(request.param)


def test_every_check_holds(program: Path) -> None:
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert run.stdout.endswith(" checks, 0 wrong\n")
