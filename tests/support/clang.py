"""The clang that fuzzing and sanitizers are built with."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

MISSING = (
    "{what} is missing: on Debian and Ubuntu, apt-get install clang-19 libclang-rt-19-dev llvm-19, or the "
    "newest version that there is"
)

# Neither pybind11's link-time optimization nor its stripping of symbols; the flags are those of sanitizers.cmake alone.
BUILD_TYPE = ("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=")
LIBRARIES = {"fuzz": "fuzzer", "coverage": "fuzzer", "address": "asan", "thread": "tsan"}


@functools.cache
def clang() -> str:
    """The newest clang++; exits with what to install where there is none."""
    names = {name for folder in os.get_exec_path() if Path(folder).is_dir() for name in os.listdir(folder)}  # noqa: PTH208
    versions = sorted(int(match[1]) for name in names if (match := re.fullmatch(r"clang\+\+-(\d+)", name)))
    name = f"clang++-{versions[-1]}" if versions else "clang++"
    if (path := shutil.which(name)) is None:
        sys.exit(MISSING.format(what="clang"))
    return path


def llvm_tool(name: str) -> str:
    """`name`, such as llvm-cov, of the same version as clang."""
    path = shutil.which(name + Path(clang()).name.removeprefix("clang++"))
    if path is None:
        sys.exit(MISSING.format(what=name))
    return path


def runtime(name: str) -> Path:
    """A library of clang's runtime, such as libclang_rt.asan-x86_64.so."""
    said = subprocess.run([clang(), f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = Path(said.stdout.strip())
    if not path.is_absolute() or not path.exists():
        sys.exit(MISSING.format(what=name))
    return path


def build(mode: str, *definitions: str) -> Path:
    """Compiles with DIM_TRT_SANITIZE=`mode` (see cmake/sanitizers.cmake); returns the folder."""
    runtime(f"libclang_rt.{LIBRARIES[mode]}-{os.uname().machine}.a")
    folder = ROOT / "build" / mode
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # pip's cmake and ninja
    options = [f"-DDIM_TRT_SANITIZE={mode}", f"-DCMAKE_CXX_COMPILER={clang()}", *definitions]
    generator = ["-G", "Ninja"] if shutil.which("ninja", path=path) else []
    configure = ["cmake", *generator, "-S", ROOT, "-B", folder, *BUILD_TYPE, *options]
    env = {**os.environ, "PATH": path}
    for command in (configure, ["cmake", "--build", folder, "--parallel", str(os.cpu_count())]):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, check=False
        )
        if done.returncode != 0:
            sys.exit(done.stdout)
    return folder
