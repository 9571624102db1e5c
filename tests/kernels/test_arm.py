"""The CPU backend on an emulated 64-bit ARM processor: NEON from the same sources, compiled by a cross compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dim_trt.plans.header import FORMAT_VERSION
from tests.golden.picture import TOLERANCE, expected, picture
from tests.support import ROOT
from tests.support.compare import assert_within

COMPILER, EMULATOR, LIBRARIES = "aarch64-linux-gnu-g++", "qemu-aarch64", Path("/usr/aarch64-linux-gnu")
MISSING = [name for name in (COMPILER, EMULATOR) if shutil.which(name) is None]
GOLDEN = ROOT / "tests" / "golden" / f"v{FORMAT_VERSION}"

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"{' and '.join(MISSING)}: apt-get install g++-aarch64-linux-gnu qemu-user"
    ),
    pytest.mark.timeout(900),  # most of it is compiling
]


def run(*command: str | Path) -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # pip's cmake and ninja
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": path}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(name="check", scope="module")
def fixture_check() -> tuple[str | Path, ...]:
    """The command that runs dim_cpu_check; its folder is kept, so that only what changed is compiled again."""
    folder = ROOT / "build" / "aarch64"
    target = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={COMPILER}")
    run("cmake", "-S", ROOT, "-B", folder, "-DDIM_TRT_CPU_CHECK=ON", "-DDIM_TRT_WERROR=ON", *target)
    run("cmake", "--build", folder, "--parallel", str(os.cpu_count()))
    return (EMULATOR, "-L", LIBRARIES, folder / "dim_cpu_check")


def test_layers_of_every_instruction_set_equal_the_scalar_twin(check: tuple[str | Path, ...]) -> None:
    said = run(*check)
    assert "baseline: winograd" in said  # NEON
    assert "dotprod: quantized" in said  # sdot
    assert said.endswith(" checks, 0 wrong\n")


@pytest.mark.parametrize("plan", sorted(GOLDEN.glob("*.plan")), ids=lambda plan: plan.stem)
def test_golden_plans_keep_their_alpha(plan: Path, check: tuple[str | Path, ...], tmp_path: Path) -> None:
    img, trimap = picture()
    files = [tmp_path / name for name in ("image.raw", "trimap.raw", "alpha.raw")]
    for file, array in zip(files, (img, trimap), strict=False):
        array.tofile(file)
    run(*check, plan, *map(str, trimap.shape), *files)
    alpha = np.fromfile(files[-1], np.float32).reshape(trimap.shape)
    assert_within(alpha, expected(plan), TOLERANCE)
