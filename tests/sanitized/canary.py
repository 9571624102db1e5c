"""Bugs on purpose must be reported, else silence says nothing. Run by tests.sanitizers before the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dim_trt import _core, _testing

MODE = os.environ["DIM_TRT_SANITIZE"]
BUGS = {
    "address": ["core.out_of_bounds(4)", "core.undefined(2**31 - 1)"],
    "thread": ["threading.Thread(target=core.race).start(); core.race()"],
}
REPORTED = 66  # exit code, see tests.sanitizers


@pytest.mark.parametrize("module", [_core, _testing])
def test_the_instrumented_module_is_the_one_that_is_tested(module: ModuleType) -> None:
    assert Path(str(module.__file__)).parent == Path(os.environ["DIM_TRT_MODULES"])


@pytest.mark.parametrize("bug", BUGS[MODE])
def test_a_bug_is_reported(bug: str) -> None:
    code = f"import ctypes, threading\nfrom dim_trt import _core\ncore = ctypes.CDLL(_core.__file__)\n{bug}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == REPORTED
