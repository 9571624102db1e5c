"""The CUDA kernels compile and link where nvcc is, and on a GPU compute what their host twins do."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

NO_GPU = 77  # the program's exit code


def cached(cache: Path, variable: str) -> str:
    lines = [line for line in cache.read_text().splitlines() if line.startswith(f"{variable}:")]
    return lines[0].partition("=")[2] if lines else ""


@pytest.fixture(name="program", scope="module")
def fixture_program() -> Path:
    """dim_cuda_check of the newest build; a build that found nvcc must have it."""
    caches = sorted(ROOT.glob("build/*/CMakeCache.txt"), key=lambda path: path.stat().st_mtime)
    if not caches:
        pytest.skip("no build folder: dim_trt was not installed from here")
    compiler, wanted = cached(caches[-1], "CMAKE_CUDA_COMPILER"), cached(caches[-1], "DIM_TRT_CUDA")
    if wanted not in {"AUTO", "ON"}:
        pytest.skip(f"built with DIM_TRT_CUDA={wanted}")
    if not compiler or compiler.endswith("NOTFOUND"):
        pytest.skip("built without CUDA: no nvcc was found")
    return caches[-1].with_name("dim_cuda_check")


def test_program_is_built_and_says_what_it_can(program: Path) -> None:
    wrong = subprocess.run([program, "--nonsense"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("usage: ")


@pytest.mark.gpu
@pytest.mark.timeout(300)
def test_kernels_equal_their_host_twins(program: Path, tmp_path: Path) -> None:
    report = tmp_path / "check.json"
    run = subprocess.run([program, "--json", report], capture_output=True, text=True, check=False)
    if run.returncode == NO_GPU:
        pytest.skip(run.stdout.strip())
    wrong = [line for line in run.stdout.splitlines() if not line.endswith(" 0 mismatches")]
    assert run.returncode == 0, "\n".join([*wrong, run.stderr])
    checks = json.loads(report.read_text())["checks"]
    kernels = {"max_pool_argmax", "index_unpool", "preprocess", "postprocess", "unknown_box"}
    assert {check["kernel"] for check in checks} == kernels
    assert all(check["mismatches"] == 0 and check["values"] > 0 for check in checks)
