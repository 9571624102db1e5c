"""Plans, sizes and devices that cannot be used: one sentence with the remedy, and never a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt import Engine, TensorRtOptions, _core
from dim_trt.errors import BackendUnavailable, InvalidInput, PlanError
from dim_trt.plans.header import write_plan
from tests.support import ROOT
from tests.support.gpu import MAX, Plans
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]
NAME = "skip"
LOAD = """
import sys
import numpy as np
from dim_trt import Engine
from dim_trt.errors import Error
try:
    engine = Engine(sys.argv[1])
    trimap = np.zeros((64, 64), np.uint8)
    trimap[9:30] = 128
    engine.run(np.zeros((64, 64, 3), np.uint8), trimap)
except Error as error:
    print(type(error).__name__, error)
else:
    print("none")
"""


def rewritten(plan: Path, target: Path, payload: bytes | None = None, **origin: Any) -> Path:
    """The plan with another payload or another origin, under a header that fits."""
    header = json.loads(_core.read_plan_header(str(plan)))
    header["tensorrt"] |= origin
    write_plan(target, header, _core.read_plan_payload(str(plan)) if payload is None else payload)
    return target


@pytest.mark.parametrize(("height", "width"), [(MAX[0] + 1, 64), (64, MAX[1] + 1)])
def test_larger_than_the_plan_takes(plans: Plans, height: int, width: int) -> None:
    with pytest.raises(InvalidInput, match=f"at most {MAX[1]}x{MAX[0]} px .* build a plan for larger ones"):
        Engine(plans.plan(NAME)).run(*random_picture(0, height, width))


def test_smaller_than_the_plan_takes(plans: Plans) -> None:
    plan = plans.plan(NAME, min_size=(300, 340), opt_size=(320, 352))
    with pytest.raises(InvalidInput, match="at least 340x300 px"):
        Engine(plan).run(*random_picture(0, 299, 340))


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"version": "10.99.7"}, r"built with TensorRT 10\.99\.7, and this machine has .*; rebuild it here"),
        ({"sm": "3.5"}, r"built with a GPU of compute capability 3\.5, and this machine has .*; rebuild it here"),
    ],
)
def test_plans_of_another_machine(plans: Plans, tmp_path: Path, origin: dict[str, Any], message: str) -> None:
    other = rewritten(plans.plan(NAME), tmp_path / "other.plan", **origin)
    with pytest.raises(PlanError, match=message):
        Engine(other)


def overwritten(payload: bytes, start: float, length: int) -> bytes:
    """Noise over `length` bytes at that fraction of the payload."""
    at = int(start * len(payload))
    noise = np.random.default_rng(0).bytes(length)
    return payload[:at] + noise[: len(payload) - at] + payload[at + length :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "one byte": lambda _: b"\0",
    "zeros": lambda payload: bytes(len(payload)),
    "noise": lambda payload: np.random.default_rng(0).bytes(len(payload)),
    "text": lambda _: b"hello world, this is text" * 99,
    "first bytes": lambda payload: overwritten(payload, 0, 16),
    "half": lambda payload: payload[: len(payload) // 2],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_engine_under_a_header_that_fits(plans: Plans, tmp_path: Path, damage: str) -> None:
    """In a process of its own: TensorRT reads these bytes, and what it does with them is not ours to say."""
    plan = plans.plan(NAME)
    bad = rewritten(plan, tmp_path / "bad.plan", DAMAGES[damage](_core.read_plan_payload(str(plan))))
    command = [sys.executable, "-c", LOAD, str(bad)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"crashed with {run.returncode}: {run.stderr[-2000:]}"
    assert run.stdout.startswith("PlanError plan: TensorRT cannot load it: "), run.stdout
    assert run.stdout.endswith("; rebuild it with python -m dim_trt.build\n")


def test_device_number_too_high(plans: Plans) -> None:
    count = len(dim_trt.capabilities()["cuda"]["devices"])
    with pytest.raises(BackendUnavailable, match=rf"this machine has {count} GPU"):
        Engine(plans.plan(NAME), device=f"cuda:{count}")
    with pytest.raises(BackendUnavailable, match=rf"gpu: this machine has {count}, numbered from 0; got {count}"):
        dim_trt.build_plan(None, "never.plan", backend="tensorrt", tensorrt=TensorRtOptions(gpu=count))


def test_plan_for_the_gpu_on_the_cpu(plans: Plans) -> None:
    with pytest.raises(BackendUnavailable, match="'cpu' cannot run this plan, which was built for the tensorrt"):
        Engine(plans.plan(NAME), device="cpu")


def test_an_error_leaves_the_engine_usable(plans: Plans) -> None:
    engine = Engine(plans.plan(NAME), color="rgb")
    picture = random_picture(0, 61, 97)
    expected = engine.run(*picture)
    for _ in range(3):
        with pytest.raises(InvalidInput):
            engine.run(*random_picture(0, MAX[0] + 1, 61))
        np.testing.assert_array_equal(engine.run(*picture), expected)
