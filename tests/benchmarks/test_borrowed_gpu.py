"""The way to a borrowed GPU and back, on a folder that stands for that machine.

TENSORRT_PARTS_8 names a folder with TensorRT 8.5's libraries in parts, as `pack.sh` takes them, to travel; without it
stand-ins do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dim_trt
from tests.support import ROOT
from tests.tensorrt.libraries import make_library
from tools.borrowed_gpu import bring_home, make_builder

REAL = os.environ.get("TENSORRT_PARTS_8", "")
NVINFER = "int getInferLibVersion(void) { return 8503; }"
SAYING = """
void* createInferBuilder_INTERNAL(void* logger, int version) {
  void (*log)(void*, int, const char*) = **(void (***)(void*, int, const char*))logger;
  log(logger, 1, "from TensorRT");
  log(logger, 3, "a detail");
  return version == 8503 ? %s : 0;
}"""
DRIVER = "int cuInit(int flags) { return 0; } int cuDeviceGetCount(int* count) { *count = 1; return 0; }"
SCRIPTS = sorted((ROOT / "tools/borrowed_gpu").glob("*.sh"))


def run(folder: Path, *command: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def checkout(folder: Path) -> Path:
    """The working tree as it is now, without what git ignores."""
    names = run(ROOT, "git", "ls-files", "-coz", "--exclude-standard").stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def wheel(folder: Path, name: str, *files: str) -> Path:
    """A wheel of that name with empty files."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-0.0.1-py3-none-any.whl"
    info = f"{name}-0.0.1.dist-info"
    texts = {
        **dict.fromkeys(files, ""),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*texts, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in texts.items():
            archive.writestr(file, text)
    return path


@pytest.fixture(name="libraries", scope="module")
def fixture_libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of TensorRT's names; opened without a GPU they tell their version."""
    folder = tmp_path_factory.mktemp("tensorrt")
    make_library(folder / "libnvinfer.so.8", NVINFER + SAYING % "0")
    for name in ("libnvinfer_builder_resource.so.8.5.3", "libnvonnxparser.so.8", "libnvinfer_plugin.so.8"):
        make_library(folder / name, "int unused;")
    return folder


class Rehearsal:
    """home: where the project is; device: the borrowed machine's copy of it."""

    def __init__(self, folder: Path, libraries: Path):
        self.home, self.device = checkout(folder / "home"), checkout(folder / "device")
        self.there, self.out = folder / "there", folder / "out"
        self.out.mkdir()
        author = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        for words in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "all"]):
            assert run(self.home, "git", *words).returncode == 0
        self.commit = run(self.home, "git", "rev-parse", "HEAD").stdout.strip()
        check = folder / "dim_cuda_check"
        check.write_text("#!/bin/sh\nexit 77\n")
        self.variables: dict[str, str | Path] = {
            **({"TENSORRT_PARTS": REAL} if REAL else {"TENSORRT_LIBS": libraries, "PART_BYTES": "1500"}),
            "WHEEL": wheel(folder, "dim_trt", "dim_trt/__init__.py", "dim_trt/stand_in.so"),
            "PURE_WHEELS": wheel(folder / "pure", "stand_in_of_imagesize", "stand_in_of_imagesize.py").parent,
            "CUDA_CHECK": check,
            "XZ_LEVEL": "-0",
        }

    def pack(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return run(self.home, "bash", "tools/borrowed_gpu/pack.sh", "out/borrowed", **{**self.variables, **variables})

    def calls(self) -> list[tuple[str, str]]:
        """(what to carry, what to run)."""
        lines = (self.home / "out/borrowed/calls.txt").read_text().splitlines()
        return [
            (carry.removeprefix("carry: "), command.removeprefix("run:   "))
            for carry, command in zip(lines[::2], lines[1::2], strict=True)
        ]

    def call(self, carry: str, command: str) -> str:
        shutil.copytree(self.home / carry, self.device / carry)
        stages = {"FIRST_STAGES": "kernels peers", "MAIN_STAGES": "plans"}
        done = run(self.device, "bash", "-c", command, OUT=self.out, THERE=self.there, PYTHON=sys.executable, **stages)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(name="rehearsal", scope="module")
def fixture_rehearsal(tmp_path_factory: pytest.TempPathFactory, libraries: Path) -> Rehearsal:
    return Rehearsal(tmp_path_factory.mktemp("borrowed"), libraries)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_sound_and_short(script: Path) -> None:
    assert run(ROOT, "bash", "-n", script).returncode == 0
    assert len(script.read_text().splitlines()) < 250


@pytest.mark.timeout(300)
def test_there_and_back_without_a_gpu(rehearsal: Rehearsal, tmp_path: Path) -> None:
    if dim_trt.capabilities()["cuda"]["available"]:
        pytest.skip("there is a GPU; this is about machines without")
    packed = rehearsal.pack()
    assert packed.returncode == 0, packed.stderr
    calls = rehearsal.calls()
    assert len(calls) > 1
    printed = [rehearsal.call(*call) for call in calls][-1]
    assert "builder: no CUDA device, TensorRT 8503" in printed
    assert (rehearsal.device / "dim_trt/stand_in.so").exists()
    assert (rehearsal.there / "site/stand_in_of_imagesize.py").exists()
    assert [path.name for path in rehearsal.out.iterdir()] == ["results.tar.gz"]
    home = ["--to", str(tmp_path / "results"), "--keep", str(tmp_path / "kept")]
    assert bring_home.main([str(rehearsal.out / "results.tar.gz"), *home]) == 0
    records: list[dict[str, Any]] = json.loads((tmp_path / "results/gpu/no-gpu.json").read_text())
    assert records[0]["commit"] == rehearsal.commit
    reasons = {row["step"]: row["reason"] for row in records if row["kind"] == "skipped"}
    assert reasons["builder"] == "no CUDA device"
    assert {"kernels", "full peers", "lite fp16 plugin"} <= reasons.keys()
    assert all(reasons.values())
    assert not [row for row in records if row["kind"] == "failed"]
    assert (tmp_path / "kept/no-gpu/builder.json").exists()


def test_a_borrowed_machine_that_is_cut_off_brings_home_what_there_was(tmp_path: Path) -> None:
    """The benchmark hangs after its first record; what the first call started is ended before it begins."""
    there, out = tmp_path / "there", tmp_path / "out"
    for folder in (there, out):
        folder.mkdir()
    first = subprocess.Popen(["sleep", "100"], start_new_session=True)
    (there / "background.pid").write_text(str(first.pid))
    (there / "commit").write_text("abc")
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *benchmarks.gpu*) echo one > {there}/results/records.jsonl; sleep 100;; esac\n'
    )
    python.chmod(0o755)
    variables = {"OUT": out, "THERE": there, "PYTHON": python, "WAIT_S": 0, "PUBLISH_S": 0.2, "SECONDS_IN_ALL": 4}
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    main = subprocess.Popen(
        ["bash", "tools/borrowed_gpu/main.sh"],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert first.wait(30) == -signal.SIGTERM
        wait_for(lambda: "results/records.jsonl" in brought(out))
    finally:
        os.killpg(main.pid, signal.SIGKILL)
        main.wait()
    assert "results/records.jsonl" in brought(out)


def brought(out: Path) -> list[str]:
    """The names in the archive; none where there is no archive yet."""
    path = out / "results.tar.gz"
    if not path.exists():
        return []
    with tarfile.open(path) as archive:
        return archive.getnames()


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end, "it did not come in half a minute"
        time.sleep(0.05)


def test_no_call_carries_more_than_it_may(rehearsal: Rehearsal) -> None:
    files = run(rehearsal.home, "git", "ls-files", "-coz", "--exclude-standard").stdout.split("\0")
    tree = sum((rehearsal.home / file).stat().st_size for file in files if file)
    if not REAL:
        limit = tree + 100_000  # of which 64 KiB stay free
        assert rehearsal.pack(LIMIT_BYTES=str(limit), PART_BYTES=str(limit)).returncode == 0
        folders = [rehearsal.home / carry for carry, _ in rehearsal.calls()]
        for folder in folders:
            assert tree + sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= limit
    refused = rehearsal.pack(LIMIT_BYTES="1000")
    assert refused.returncode == 1
    assert "leave no room for one: 1000 bytes are allowed" in refused.stderr


def test_a_folder_that_travels_anyway_is_refused(rehearsal: Rehearsal) -> None:
    refused = run(rehearsal.home, "bash", "tools/borrowed_gpu/pack.sh", "docs", **rehearsal.variables)
    assert refused.returncode == 1
    assert "docs: expected a folder that git ignores" in refused.stderr
    assert (rehearsal.home / "docs/gpu.md").exists()


@pytest.mark.parametrize(("made", "problem"), [("logger", ""), ("0", "TensorRT makes no builder: from TensorRT")])
def test_borrowed_builder_is_asked_for(tmp_path: Path, made: str, problem: str) -> None:
    for name in ("libnvinfer_plugin.so.8", "libnvonnxparser.so.8"):
        make_library(tmp_path / name, "int unused;")
    make_library(tmp_path / "libnvinfer.so.8", NVINFER + SAYING % made)
    make_library(tmp_path / "libcuda.so.1", DRIVER)
    report = tmp_path / "builder.json"
    done = run(ROOT, sys.executable, make_builder.__file__, tmp_path, report, LD_LIBRARY_PATH=tmp_path)
    assert done.returncode == bool(problem), done.stderr
    expected = {"version": 8503, "gpus": 1, "said": ["from TensorRT"], "problem": problem}
    assert json.loads(report.read_text()) == expected


def test_borrowed_libraries_that_did_not_come_are_named(tmp_path: Path) -> None:
    done = run(ROOT, sys.executable, make_builder.__file__, tmp_path, tmp_path / "builder.json")
    assert done.returncode == 1
    assert "libnvinfer_plugin.so.8: cannot open shared object file" in done.stdout
    record = bring_home.builder_record(tmp_path)
    assert (record.KIND, "libnvinfer_plugin.so.8" in str(record)) == ("failed", True)
