"""Kernel, plan and threading tests with a _core and a _testing that are built with sanitizers.

    python -m tests.sanitizers address   # AddressSanitizer and UndefinedBehaviorSanitizer
    python -m tests.sanitizers thread    # ThreadSanitizer
    python -m tests.sanitizers thread tests/robustness/test_concurrency.py -k fork   # others than the usual tests

Python is not instrumented: the sanitizer's runtime is preloaded and sees what they do, and memory and locks of all.
First the bugs of tests/sanitized/canary.cc, which is compiled into _core, must be reported. Then the tests run, but for
those that measure time or memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pybind11

from tests.support.clang import LIBRARIES, ROOT, build, runtime

TESTS = {
    "address": [
        "tests/fuzz",
        "tests/kernels",
        "tests/robustness/test_concurrency.py",
        "tests/engine/test_engine.py",
        "tests/engine/test_foreground.py",
        "tests/plans/test_damaged.py",
        "tests/engine/test_scaling.py",
        "tests/engine/test_tiling.py",
        "tests/engine/test_window.py",
    ],
    "thread": [
        "tests/kernels/test_threads.py",
        "tests/robustness/test_concurrency.py",
        "tests/engine/test_engine.py::test_one_engine_serves_many_threads",
        "tests/engine/test_engine.py::test_the_number_of_threads_changes_nothing",
        "tests/engine/test_sections.py",
        "tests/engine/test_submit.py",
        "tests/engine/test_foreground.py",
        "tests/engine/test_stream.py",
    ],
}
SANITIZED = ROOT / "tests" / "sanitized"


def environment(mode: str, modules: Path, reports: Path) -> dict[str, str]:
    """Of the tests. Each process has a report of its own, so that those of processes that tests start are found too."""
    library = runtime(f"libclang_rt.{LIBRARIES[mode]}-{os.uname().machine}.so")
    preloaded = [library, runtime("libstdc++.so.6")]  # the second so that thrown exceptions are seen from the start
    common = f"log_path={reports / 'report'}:exitcode=66"
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(map(str, preloaded)),
        "PYTHONPATH": os.pathsep.join((str(SANITIZED), os.environ.get("PYTHONPATH", ""))),
        "DIM_TRT_MODULES": str(modules),
        "DIM_TRT_SANITIZE": mode,
        "ASAN_OPTIONS": f"{common}:detect_leaks=0:alloc_dealloc_mismatch=0",  # Python and PyTorch keep and mix
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": f"{common}:die_after_fork=0:suppressions={SANITIZED / 'thread.supp'}",
        "PYTHONMALLOC": "malloc",  # so that every object of Python is a block of its own
    }


def pytest(mode: str, modules: Path, reports: Path, *arguments: str) -> int:
    """Exit code of pytest with these arguments."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, env=environment(mode, modules, reports), cwd=ROOT, check=False).returncode


def main() -> int:
    """The command line."""
    mode, *tests = sys.argv[1:] or ["?"]
    if mode not in TESTS:
        sys.exit(__doc__)
    start = time.monotonic()
    folder = build(mode, "-DSKBUILD=1", f"-DPython_EXECUTABLE={sys.executable}",
                   f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", "-DCMAKE_CUDA_COMPILER=NOTFOUND")  # fmt: skip
    reports = folder / "reports"
    for arguments in (["tests/sanitized/canary.py"], ["-m", "not measures", *(tests or TESTS[mode])]):
        shutil.rmtree(reports, ignore_errors=True)  # the canary's
        reports.mkdir()
        code = pytest(mode, folder, reports, *arguments)
        if code != 0:
            break
    found = [path.read_text(errors="replace") for path in reports.iterdir()]
    print(*found, sep="\n", file=sys.stderr)
    print(f"{mode}: {len(found)} reports, tests ended with {code}, {time.monotonic() - start:.0f} s")
    return 1 if found else code


if __name__ == "__main__":
    sys.exit(main())
