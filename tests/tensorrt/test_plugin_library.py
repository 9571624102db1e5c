"""The plugin libraries: what they export, what they need, and that a real TensorRT registry takes them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.tensorrt.libraries import FOLDER, majors

pytestmark = pytest.mark.public
OF_TENSORRT = re.compile(r"nvinfer|nvonnx|getPluginRegistry|createInfer|getInferLib|getLogger", re.IGNORECASE)
REGISTER = """
import json, sys
import tensorrt_lean_bindings as trt
registry = trt.get_plugin_registry()
assert registry.load_library(sys.argv[1]) is not None, "not loaded"
found = {}
for name in ("MaxPoolArgmax", "IndexUnpool"):
    creator = registry.get_creator(name, "1", "dim_trt")
    plugin = creator and creator.create_plugin("x", trt.PluginFieldCollection([]), trt.TensorRTPhase.RUNTIME)
    found[name] = plugin is not None
print(json.dumps(found))
"""


def symbols(library: str, which: str) -> set[str]:
    program = shutil.which("nm")
    if program is None:
        pytest.skip("nm (binutils) is not installed")
    path = FOLDER / library
    listing = subprocess.run([program, "-D", which, path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in listing.splitlines()}


@pytest.mark.parametrize("major", majors())
def test_plugin_library_exports_what_tensorrt_looks_for_and_nothing_else(major: str) -> None:
    assert symbols(f"libdim_trt_plugins.{major}.so", "--defined-only") == {"getCreators", "setLoggerFinder"}


@pytest.mark.parametrize("major", majors())
def test_module_exports_its_entry_point_alone(major: str) -> None:
    """Templates of the C++ library aside: nothing of this project, of CUDA or of TensorRT."""
    exported = symbols(f"libdim_trt_tensorrt.{major}.so", "--defined-only")
    assert {name for name in exported if not name.startswith(("_ZTISt", "_ZTSSt", "_ZZNSt"))} == {"dim_trt_open_module"}


@pytest.mark.parametrize("kind", ["plugins", "tensorrt"])
@pytest.mark.parametrize("major", majors())
def test_no_symbol_of_tensorrt_is_left_undefined(major: str, kind: str) -> None:
    """They load where TensorRT is not, and into any program that has one."""
    needed = symbols(f"libdim_trt_{kind}.{major}.so", "--undefined-only")
    assert needed
    assert not {name for name in needed if OF_TENSORRT.search(name)}


def test_lean_runtime_registers_both_plugins() -> None:
    if importlib.util.find_spec("tensorrt_lean_bindings") is None:
        pytest.skip("the lean runtime is not installed: pip install tensorrt-lean")
    asked = [sys.executable, "-c", "import tensorrt_lean_bindings as trt; print(trt.__version__)"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    library = FOLDER / f"libdim_trt_plugins.{version.split('.')[0]}.so"
    if not library.exists():
        pytest.skip(f"this build has no plugins for the lean runtime that is installed, {version}")
    command = [sys.executable, "-c", REGISTER, str(library)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == {"MaxPoolArgmax": True, "IndexUnpool": True}
