"""What doctor and build say where TensorRT, its version or the GPU is missing: one sentence with the remedy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tensorrt.libraries import FULL, LEAN, fake_parser, fake_tensorrt, modules

pytestmark = pytest.mark.public
NO_BACKEND = r"this build of dim_trt has no TensorRT backend, and installing TensorRT adds none; build dim_trt "
INSTALL = r"pip install 'tensorrt>=\d+\.\d+,<\d+' installs it"
NO_GPU = r"(there is no NVIDIA driver \(libcuda\.so\.1 cannot be opened\)|the NVIDIA driver finds no GPU.*)"


@dataclass(frozen=True)
class Situation:
    """The library that is there, and what is said then; a full one has a parser beside it."""

    library: str
    version: str
    sentence: str
    parser: str = ""  # what the loader says of the ONNX parser; empty where it opens


ABSENT = "cannot open shared object file: No such file or directory"
NEEDED = "libof_nobody.so.1"


def wanted() -> str:
    return " or ".join(rf"libnvinfer\.so\.{version.split('.')[0]}" for version in modules())


def situations() -> dict[str, Situation]:
    newest = modules()[0] if modules() else "11.1.0"
    major, minor, _ = newest.split(".")
    older = f"{major}.{int(minor) - 1}.0" if int(minor) else ""
    found = {
        "nothing": Situation("", "", f"TensorRT is not installed: {wanted()} cannot be found; {INSTALL}"),
        "lean runtime only": Situation(
            LEAN, "11.4.0", f"of TensorRT 11.4.0 only the lean runtime is installed, .*; {INSTALL} in full"
        ),
        "no driver": Situation(
            FULL, newest, f"TensorRT {newest} is installed, but {NO_GPU}; it needs an NVIDIA GPU with its driver"
        ),
        "no driver, no parser": Situation(
            FULL, newest, f"TensorRT {newest} is installed, but {NO_GPU}; .*", f"libnvonnxparser.so.{major}: {ABSENT}"
        ),
        "no driver, a parser that lacks a library": Situation(
            FULL, newest, f"TensorRT {newest} is installed, but {NO_GPU}; .*", f"{NEEDED}: {ABSENT}"
        ),
        "no module": Situation(
            FULL,
            "9.2.0",
            "TensorRT 9.2.0 is installed, but this build of dim_trt was made for another major version and needs "
            f"{wanted()}; rebuild dim_trt with the headers of that version, or {INSTALL}",
        ),
    }
    if older:
        found["too old"] = Situation(
            FULL,
            older,
            f"TensorRT {older} is installed, but this build of dim_trt needs {major}.{minor} or newer; upgrade .*",
        )
    return found


SITUATIONS = situations()


def environment(situation: Situation, folder: Path) -> dict[str, str]:
    """The variables of a process that finds this library first and no GPU."""
    if situation.library:
        fake_tensorrt(folder, situation.library, situation.version)
    if situation.library == FULL and (not situation.parser or NEEDED in situation.parser):
        fake_parser(folder, situation.version, NEEDED if situation.parser else "")
    hidden = {"LD_LIBRARY_PATH": str(folder), "CUDA_VISIBLE_DEVICES": "-1", "DIM_TRT_CACHE": str(folder / "cache")}
    return {**os.environ, **hidden}


def run(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SITUATIONS)
def test_doctor_and_build_say_what_is_missing(name: str, tmp_path: Path) -> None:
    situation = SITUATIONS[name]
    variables = environment(situation, tmp_path)
    sentence = situation.sentence if modules() else NO_BACKEND + ".*"

    doctor = run(variables, "dim_trt.doctor", "--json")
    assert doctor.returncode == 0, doctor.stderr  # the cpu backend works, so nothing is wrong
    found = json.loads(doctor.stdout)["tensorrt"]
    if modules() and found["version"] != situation.version:
        pytest.skip(f"TensorRT {found['version']} is installed here, and is found before the library of this test")
    assert found["available"] is False
    assert re.fullmatch(sentence, found["reason"]), found["reason"]
    of_parser = (
        f"the ONNX parser of TensorRT {situation.version}, which building needs, cannot be opened "
        f"({situation.parser}); install what is missing"
    )
    assert not modules() or found["parser_problem"] == (of_parser if situation.parser else "")
    if situation.library == FULL and situation.version in modules():
        assert found["parser"] == ("" if situation.parser else f"libnvonnxparser.so.{situation.version.split('.')[0]}")
    if modules() and situation.parser:
        sentence += f"; {re.escape(of_parser)}"

    plan = tmp_path / "dim.plan"
    build = run(variables, "dim_trt.build", "--backend", "tensorrt", "-o", str(plan))
    assert build.returncode == 1
    message = rf"error: backend='tensorrt': {sentence}; or use backend='cpu', or 'auto' to take what there is\n"
    assert re.fullmatch(message, build.stderr), build.stderr
    assert not plan.exists()


def test_doctor_for_people_gives_the_reason_in_one_line(tmp_path: Path) -> None:
    situation = SITUATIONS["nothing"]
    doctor = run(environment(situation, tmp_path), "dim_trt.doctor")
    lines = [line for line in doctor.stdout.splitlines() if line.startswith("tensorrt ")]
    assert doctor.returncode == 0, doctor.stderr
    assert len(lines) == 1
    assert re.search("is not installed|is installed|has no TensorRT backend", lines[0]), lines[0]


def test_auto_takes_the_cpu_without_a_word_on_the_rest(tmp_path: Path) -> None:
    plan = tmp_path / "dim.plan"
    variables = environment(SITUATIONS["no driver"], tmp_path)
    for flags, said in ((), ""), (("--verbose",), "backend auto: cpu\n"):
        build = run(variables, "dim_trt.build", "-o", str(plan), *flags)
        assert (build.returncode, build.stderr) == (0, said)
    assert plan.exists()
