"""What the tests of the TensorRT backend ask about this build and this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dim_trt import _core
from tests.support import ROOT

FOLDER = Path(_core.__file__).parent  # the modules and plugin libraries are beside the core
NO_MODULES = "this build has no TensorRT backend: no nvcc, or no TensorRT headers, when it was built"
FULL, LEAN = "libnvinfer", "libnvinfer_lean"


def modules() -> list[str]:
    """The TensorRT versions that this build has a module for, newest first."""
    found: list[str] = _core.tensorrt_capabilities([])["modules"]
    return found


def majors() -> list[Any]:
    """To parametrize with; one that is skipped where there is none."""
    numbers = [version.split(".")[0] for version in modules()]
    return numbers or [pytest.param("", marks=pytest.mark.skip(reason=NO_MODULES))]


def check_program(major: str) -> Path:
    """dim_tensorrt_check of the newest build."""
    programs = ROOT.glob(f"build/*/dim_tensorrt_check.{major}")
    built = sorted(programs, key=lambda path: path.stat().st_mtime)
    if not built:
        pytest.skip(f"dim_tensorrt_check.{major} was not built here: it needs DIM_TRT_TESTING, as make test sets it")
    return built[-1]


def fake_tensorrt(folder: Path, name: str, version: str) -> Path:
    """A library of TensorRT's name that can only tell its version."""
    major, minor, patch = (int(part) for part in version.split("."))
    number = major * (10000 if major >= 10 else 1000) + minor * 100 + patch
    return make_library(folder / f"{name}.so.{major}", f"int getInferLibVersion(void) {{ return {number}; }}")


def fake_parser(folder: Path, version: str, needs: str = "") -> Path:
    """A library of the ONNX parser's name that calls a function of nobody's; `needs`: a library that it is linked to
    and that is not there."""
    name = f"libnvonnxparser.so.{version.split('.')[0]}"
    code = "void of_nobody(void); void* createNvOnnxParser_INTERNAL(void) { of_nobody(); return 0; }"
    if not needs:
        return make_library(folder / name, code)
    needed = make_library(folder / needs, "int unused;")
    parser = make_library(folder / name, code, "-Wl,--no-as-needed", f"-L{folder}", f"-l:{needs}")
    needed.unlink()
    return parser


def fake_driver(folder: Path) -> Path:
    """A libcuda with one GPU, as far as names and numbers go: CUDA's runtime finds that nothing else is in it."""
    code = """
        #include <stddef.h>
        #include <string.h>
        int cuInit(unsigned flags) { return 0; }
        int cuDriverGetVersion(int* version) { *version = 12040; return 0; }
        int cuDeviceGetCount(int* count) { *count = 1; return 0; }
        int cuDeviceGet(int* device, int i) { *device = i; return 0; }
        int cuDeviceGetName(char* name, int size, int device) { strncpy(name, "Fake", size); return 0; }
        int cuDeviceGetAttribute(int* value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
        int cuDeviceTotalMem_v2(size_t* bytes, int device) { *bytes = (size_t)1 << 30; return 0; }
    """
    return make_library(folder / "libcuda.so.1", code)


def make_library(library: Path, code: str, *options: str) -> Path:
    """Its functions are looked up when they are called. Skips the test where no C compiler is."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a library with")
    source = library.with_suffix(".c")
    source.write_text(code)
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(source), f"-Wl,-soname,{library.name},-z,lazy"]
    subprocess.run([*command, *options], check=True)
    return library
