"""The exception tree, and plans and devices that cannot be used."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from dim_trt import Engine
from dim_trt.errors import BackendUnavailable, BuildError, Error, InvalidInput, PlanError
from tests.support.tiny_graphs import tiny_dim

pytestmark = pytest.mark.public


@pytest.fixture(name="plan", scope="module")
def fixture_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "dim.onnx").write_bytes(tiny_dim().SerializeToString())
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan")
    return folder / "dim.plan"


def test_tree() -> None:
    assert all(issubclass(e, Error) for e in (InvalidInput, PlanError, BackendUnavailable, BuildError))
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(BackendUnavailable, RuntimeError)
    assert not issubclass(PlanError, (ValueError, RuntimeError))


# plans


def with_header(data: bytes, **changes: Any) -> bytes:
    """The same plan under a changed header."""
    length = int.from_bytes(data[8:12], "little")
    payload = data[-(-(12 + length) // 64) * 64 :]
    text = json.dumps(json.loads(data[12 : 12 + length]) | changes).encode()
    start = data[:8] + len(text).to_bytes(4, "little") + text
    return start + bytes(-len(start) % 64) + payload


def flipped(data: bytes, index: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


BAD_PLANS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda d: b"", "not a dim_trt plan"),
    "foreign": (lambda d: b"hello world, this is text", "not a dim_trt plan"),
    "an onnx file": (lambda d: tiny_dim().SerializeToString(), "not a dim_trt plan"),
    "cut in the header": (lambda d: d[:100], "incomplete"),
    "cut in the payload": (lambda d: d[:-1], "incomplete"),
    "with extra bytes": (lambda d: d + b"\0", "extra bytes"),
    "tampered at its end": (lambda d: flipped(d, -1), "SHA-256"),
    "tampered in its middle": (lambda d: flipped(d, len(d) // 2), "SHA-256"),
    "of the future": (lambda d: with_header(d, format_version=3), "format version 3, and this dim_trt reads version 2"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("case", BAD_PLANS)
def test_bad_plans_are_plan_errors_that_name_the_file(case: str, plan: Path, tmp_path: Path) -> None:
    change, reason = BAD_PLANS[case]
    bad = tmp_path / "bad.plan"
    bad.write_bytes(change(plan.read_bytes()))
    with pytest.raises(PlanError) as caught:
        Engine(bad)
    assert "bad.plan" in str(caught.value)
    assert reason in str(caught.value)


def test_missing_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"none\.plan.*No such file"):
        Engine(tmp_path / "none.plan")


def test_plan_of_another_backend(plan: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.plan"
    other.write_bytes(with_header(plan.read_bytes(), backend="tensorrt"))
    with pytest.raises(BackendUnavailable, match="tensorrt"):
        Engine(other)


# arguments of Engine


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"device": "cuda"}, BackendUnavailable, r"device='cuda': .*; or use device='cpu'"),
        ({"device": "cuda:1"}, BackendUnavailable, r"device='cuda:1': "),
        ({"device": "gpu"}, InvalidInput, "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'"),
        ({"device": "cuda:x"}, InvalidInput, "device: expected"),
        ({"threads": 0}, InvalidInput, "threads: expected a whole number from 1, or None for all cores, got 0"),
        ({"threads": -1}, InvalidInput, "threads: expected"),
        ({"threads": 1.5}, InvalidInput, "threads: expected"),
        ({"threads": True}, InvalidInput, "threads: expected"),
        ({"color": "gray"}, InvalidInput, "color: expected 'bgr' or 'rgb', got 'gray'"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Error], message: str, plan: Path) -> None:
    with pytest.raises(error, match=message):
        Engine(plan, **arguments)


@pytest.mark.parametrize("value", [None, 3, b"dim.plan"])
def test_plan_must_be_a_path(value: Any) -> None:
    with pytest.raises(InvalidInput, match="plan: expected a path, got"):
        Engine(value)


def test_auto_says_what_it_chose(plan: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dim_trt"):
        engine = Engine(plan)
    assert engine.info["device"] == "cpu"
    assert [record.message for record in caplog.records] == ["device auto: cpu, which the plan was built for"]
    caplog.clear()
    Engine(plan, device="cpu")
    assert not caplog.records


# what a working engine says of itself


def test_info_and_repr(plan: Path) -> None:
    engine = Engine(plan, device="cpu", threads=2, color="rgb")
    info = engine.info
    assert (info["task"], info["network"], info["backend"], info["device"]) == ("matting", "dim", "cpu", "cpu")
    assert (info["precision"], info["weights"]) == ("fp32", "fp32")
    assert (info["threads"], info["color"], info["path"]) == (2, "rgb", str(plan))
    assert info["isa"] in dim_trt.capabilities()["cpu"]["available_isas"]
    assert info["gpu_name"] is None
    assert info["preprocessing"]["channel_order"] == "rgb"
    assert info["source"]["licence"] == "test licence"
    assert repr(engine).startswith(f"Engine({str(plan)!r}, device='cpu', precision='fp32', weights='fp32', isa=")
    json.dumps(info)


@pytest.mark.smoke
def test_run_refuses_by_argument_name(plan: Path) -> None:
    engine = Engine(plan, device="cpu")
    with pytest.raises(InvalidInput, match="trimap: expected"):
        engine.run(np.zeros((33, 57, 3), np.uint8), np.zeros((57, 33), np.uint8))
