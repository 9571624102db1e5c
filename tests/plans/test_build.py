"""build_plan: what is written, how, and what is refused."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

import dim_trt
from dim_trt import _core
from dim_trt.errors import BackendUnavailable, BuildError, Error, InvalidInput
from dim_trt.files import write_atomic
from dim_trt.plans.header import FORMAT_VERSION
from dim_trt.version import __version__
from tests.support.pictures import calibration_folder
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim

pytestmark = pytest.mark.public


@pytest.fixture(name="onnx_path")
def fixture_onnx_path(tmp_path: Path) -> Path:
    path = tmp_path / "dim.onnx"
    path.write_bytes(tiny_dim().SerializeToString())
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_plan_layout_is_the_documented_one(onnx_path: Path, tmp_path: Path) -> None:
    plan = tmp_path / "dim.plan"
    returned = dim_trt.build_plan(onnx_path, plan, weights="int8")
    data = plan.read_bytes()
    length = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + length])
    start = -(-(12 + length) // 64) * 64
    payload = data[start:]
    assert data[:8] == b"DIMPLAN1"
    assert not any(data[12 + length : start])
    assert header == returned
    assert header["payload"] == {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    assert int.from_bytes(payload[:4], "little") < len(payload)


def test_header_says_what_made_the_plan(onnx_path: Path, tmp_path: Path) -> None:
    header = dim_trt.build_plan(onnx_path, tmp_path / "dim.plan", precision="fp16", backend="cpu")
    assert header["format_version"] == FORMAT_VERSION
    assert (header["task"], header["network"]) == ("matting", "dim")
    assert (header["backend"], header["precision"], header["weights"]) == ("cpu", "fp32", "fp16")
    assert header["inputs"] == [{"name": "input", "channels": 4}]
    assert header["outputs"] == [{"name": "alpha", "channels": 1}]
    assert header["model"] == {"width": 0.1}
    assert header["preprocessing"] == PREPROCESSING
    assert header["shapes"] == {"min": [1, 1], "opt": [512, 512], "max": [16384, 16384]}
    assert header["producer"] == {"dim_trt": __version__}
    source = header["source"]
    assert (source["licence"], source["origin"]) == ("test licence", "test origin")
    assert source["onnx_sha256"] == hashlib.sha256(onnx_path.read_bytes()).hexdigest()
    stored = [tensor for tensor in onnx.load(onnx_path).graph.initializer if tensor.name.endswith(("weight", "bias"))]
    assert source["parameters"] == sum(math.prod(tensor.dims) for tensor in stored) > 1000


def test_the_core_reads_what_is_written(onnx_path: Path, tmp_path: Path) -> None:
    plan = tmp_path / "dim.plan"
    header = dim_trt.build_plan(onnx_path, plan)
    assert json.loads(_core.read_plan_header(str(plan))) == header


def test_same_input_same_plan(onnx_path: Path, tmp_path: Path) -> None:
    pictures = calibration_folder(tmp_path)
    for name in ("a", "b"):
        dim_trt.build_plan(onnx_path, tmp_path / name, precision="int8", calibration=pictures)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.smoke
@pytest.mark.parametrize("name", [None, "lite"])
def test_shipped_model_shrinks_with_its_weights(name: str | None, tmp_path: Path) -> None:
    size = {}
    for weights in ("fp32", "fp16", "int8"):
        dim_trt.build_plan(name, tmp_path / weights, weights=weights, backend="cpu")
        size[weights] = (tmp_path / weights).stat().st_size
    assert 1.9 < size["fp32"] / size["fp16"] < 2.05
    assert 3.7 < size["fp32"] / size["int8"] < 4.05


def test_auto_says_what_it_chose(onnx_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dim_trt"):
        header = dim_trt.build_plan(onnx_path, tmp_path / "dim.plan", backend="auto")
    assert header["backend"] == "cpu"
    assert [(record.levelname, record.message) for record in caplog.records] == [("INFO", "backend auto: cpu")]


@pytest.mark.parametrize(
    ("asked", "precision", "weights"),
    [
        ({}, "fp32", "fp32"),
        ({"precision": "fp16"}, "fp32", "fp16"),
        ({"weights": "int8"}, "fp32", "int8"),
        ({"precision": "fp16", "weights": "fp32"}, "fp32", "fp32"),
        ({"precision": "int8", "threshold": 1e9}, "int8", "int8"),
    ],
)
def test_what_computes_and_how_weights_are_stored_are_two_things(
    asked: dict[str, Any],
    precision: str,
    weights: str,
    onnx_path: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "dim_trt"):
        header = dim_trt.build_plan(onnx_path, tmp_path / "dim.plan", backend="cpu", **asked)
    info = dim_trt.Engine(tmp_path / "dim.plan", device="cpu").info
    assert (header["precision"], header["weights"]) == (info["precision"], info["weights"]) == (precision, weights)
    said = [record.message for record in caplog.records]
    why = f"precision {asked.get('precision')}: the cpu backend computes in fp32; weights are stored as {weights}"
    assert said == [why] * (asked.get("precision") == "fp16")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"precision": "fp8"}, InvalidInput, "precision: expected one of fp32, fp16, int8, got 'fp8'"),
        ({"weights": "fp8"}, InvalidInput, "weights: expected one of fp32, fp16, int8, got 'fp8'"),
        ({"backend": "gpu"}, InvalidInput, "backend: expected one of auto, cpu, tensorrt, got 'gpu'"),
        ({"backend": "tensorrt"}, BackendUnavailable, r"backend='tensorrt': .*; or use backend='cpu'"),
    ],
)
def test_wrong_choices_are_refused(
    arguments: dict[str, Any], error: type[Error], message: str, onnx_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        dim_trt.build_plan(onnx_path, tmp_path / "dim.plan", **arguments)
    assert not (tmp_path / "dim.plan").exists()


def test_a_bad_model_leaves_the_old_plan_alone(tmp_path: Path) -> None:
    (tmp_path / "dim.onnx").write_bytes(b"nonsense")
    plan = tmp_path / "dim.plan"
    plan.write_bytes(b"the old one")
    with pytest.raises(BuildError, match="not an ONNX file"):
        dim_trt.build_plan(tmp_path / "dim.onnx", plan)
    assert plan.read_bytes() == b"the old one"


@pytest.mark.parametrize(
    ("name", "reason"), [("none/dim.plan", "the folder does not exist"), (".", "not a regular file")]
)
def test_unwritable_plan_is_one_clear_error(name: str, reason: str, onnx_path: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=f"cannot write plan '.*': .*{reason}"):
        dim_trt.build_plan(onnx_path, tmp_path / name)
    assert names(tmp_path) == ["dim.onnx"]


# files


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomic(path, [b"ne", b"w"])
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_write_atomic_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(Error, match=r"cannot write picture '.*file': No space left on device"):
        write_atomic(path, chunks(), what="picture")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_write_atomic_keeps_links_and_honours_the_umask(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    before = os.umask(0o027)
    try:
        write_atomic(link, [b"new"])
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_write_atomic_refuses_devices() -> None:
    with pytest.raises(Error, match="not a regular file"):
        write_atomic("/dev/null", [b"x"])
    assert not stat.S_ISREG(Path("/dev/null").stat().st_mode)
