"""Kernel, plan and threading tests with a _core that is built with sanitizers.

    python -m tests.sanitizers address   # AddressSanitizer and UndefinedBehaviorSanitizer
    python -m tests.sanitizers thread    # ThreadSanitizer
    python -m tests.sanitizers thread tests/test_concurrency.py -k fork   # others than the usual tests

Python is not instrumented: the sanitizer's runtime is preloaded and sees what _core does, and memory and locks of all.
OpenMP is LLVM's, for ThreadSanitizer with Archer, which tells it about barriers and tasks; GCC's libgomp synchronizes
with futexes that no tool sees, so that every parallel loop would be reported. PyTorch's own libgomp is
not instrumented and so not reported.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pybind11

from tests.support.clang import ROOT, build, clang, runtime

TESTS = {
    "address": [
        "tests/fuzz",
        "tests/kernels",
        "tests/test_concurrency.py",
        "tests/test_engine.py",
        "tests/test_foreground.py",
        "tests/test_plan_fuzz.py",
        "tests/test_scaling.py",
        "tests/test_tiling.py",
        "tests/test_window.py",
    ],
    "thread": [
        "tests/kernels/test_threads.py",
        "tests/test_concurrency.py",
        "tests/test_engine.py",
        "tests/test_engine_async.py",
        "tests/test_foreground.py",
        "tests/test_stream.py",
        "tests/test_tiling.py",
    ],
}
RUNTIME = {"address": "asan", "thread": "tsan"}


def environment(mode: str, core: Path, report: Path) -> dict[str, str]:
    """Of the tests: reports go to `report`.<process>, so that those of processes that tests start are found too."""
    library = runtime(f"libclang_rt.{RUNTIME[mode]}-{os.uname().machine}.so")
    preloaded = [library, runtime("libstdc++.so.6")]  # the second so that thrown exceptions are seen from the start
    common = f"log_path={report}:exitcode=66"
    settings = {
        "LD_PRELOAD": " ".join(map(str, preloaded)),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "sanitized"), os.environ.get("PYTHONPATH", ""))),
        "DIM_TRT_CORE": str(core),
        "ASAN_OPTIONS": f"{common}:detect_leaks=0:alloc_dealloc_mismatch=0",  # Python and PyTorch keep and mix
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": f"{common}:ignore_noninstrumented_modules=1:die_after_fork=0",
        "PYTHONMALLOC": "malloc",  # so that every object of Python is a block of its own
    }
    if mode == "thread":
        settings["OMP_TOOL_LIBRARIES"] = str(runtime("libarcher.so"))
    return {**os.environ, **settings}


def main() -> int:
    """The command line."""
    mode, *tests = sys.argv[1:] or ["?"]
    if mode not in TESTS:
        sys.exit(__doc__)
    start = time.monotonic()
    folder = build(mode, "-DSKBUILD=1", f"-DPython_EXECUTABLE={sys.executable}",
                   f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", "-DCMAKE_CUDA_COMPILER=NOTFOUND")  # fmt: skip
    core = next(folder.glob("_core*.so"))
    report = folder / "report"
    for old in folder.glob("report.*"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(tests or TESTS[mode])]
    code = subprocess.run(command, env=environment(mode, core, report), cwd=ROOT, check=False).returncode
    reports = list(folder.glob("report.*"))
    for path in reports:
        print(path.read_text(errors="replace"), file=sys.stderr)
    what = re.sub(r"\W+", " ", RUNTIME[mode])
    print(f"{what} of {Path(clang()).name}: {len(reports)} reports, tests ended with {code}, "
          f"{time.monotonic() - start:.0f} s")  # fmt: skip
    return 1 if reports else code


if __name__ == "__main__":
    sys.exit(main())
