"""Options of the tensorrt backend: what is refused, and what int8 makes of its calibration pictures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

import dim_trt
from dim_trt import TensorRtOptions
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.plans import int8
from tests.support.tiny_graphs import scaled
from tests.tensorrt.fake_core import FakeCore, build, inspected, layer


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tuned_for": "8k"}, "tuned_for: expected one of 512, 720p, 1080p, 4k, got '8k'"),
        ({"unpool": "magic"}, "unpool: expected one of plugin, native, got 'magic'"),
        ({"optimization_level": 6}, "optimization_level: expected a whole number from 0 to 5, got 6"),
        ({"gpu": -1}, "gpu: expected a whole number from 0"),
        ({"workspace_mb": 0}, "workspace_mb: expected a whole number from 1"),
        ({"threshold": -0.1}, "threshold: expected a number from 0 up"),
        ({"threshold": float("nan")}, "threshold: expected a number from 0 up"),
        ({"max_size": (0, 5)}, "max_size: expected a whole number from 1"),
        ({"max_size": 512}, r"max_size: expected \(height, width\)"),
        ({"min_size": (2000, 2)}, "sizes: expected min <= opt <= max"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        TensorRtOptions(**options)


def test_options_are_for_tensorrt_only(source: Path) -> None:
    with pytest.raises(InvalidInput, match="these options are for backend='tensorrt', and the backend is 'cpu'"):
        dim_trt.build_plan(source, source.with_name("x.plan"), backend="cpu", tensorrt=TensorRtOptions())


def test_gpu_number_too_high(core: FakeCore, source: Path) -> None:
    with pytest.raises(BackendUnavailable, match="gpu: this machine has 1, numbered from 0; got 3"):
        build(source, gpu=3)
    assert not core.requests


# int8


def pictures(folder: Path) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    trimap = np.full((32, 64), 128, np.uint8)
    cv2.imwrite(str(folder / "a.png"), random.integers(0, 256, (32, 64, 3), np.uint8))
    cv2.imwrite(str(folder / "a_trimap.png"), trimap)
    return folder


@pytest.mark.parametrize(("version", "around"), [("8.5.3", "FLOAT"), ("10.16.0", "FLOAT16"), ("11.1.0", "FLOAT16")])
def test_int8_network_suits_the_version(core: FakeCore, source: Path, version: str, around: str) -> None:
    core.version, core.layers = version, inspected(layer("Int8"))
    build(source, "int8", calibration=pictures(source.parent / "pictures"), threshold=1e9)
    graph = core.requests[0]["onnx"].graph
    assert Counter(node.op_type for node in graph.node)["QuantizeLinear"] > 0
    kinds = {onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) for value in graph.value_info}
    assert (around == "FLOAT16") == ("FLOAT16" in kinds)


@pytest.mark.parametrize(("threshold", "measured"), [(1e9, False), (0.0, True)])
def test_layers_are_measured_one_by_one_only_where_together_they_change_too_much(
    core: FakeCore, source: Path, threshold: float, measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.layers = inspected(layer("Int8"))
    calls = []
    real = int8.sensitivity
    monkeypatch.setattr(int8, "sensitivity", lambda *given: calls.append(given) or real(*given))
    header = build(source, "int8", calibration=pictures(source.parent / "pictures"), threshold=threshold)
    assert bool(calls) == measured == bool(header["tensorrt"]["int8_excluded"])


def test_report_is_a_table_for_people(core: FakeCore, source: Path) -> None:
    core.layers = inspected(layer("Int8"))
    report = source.with_name("report.txt")
    header = build(source, "int8", calibration=pictures(source.parent / "pictures"), threshold=1e9, report=report)
    heading, empty, columns, *rows = report.read_text().splitlines()
    assert re.match(r"Precision int8, calibrated by (squared error|entropy|percentile|largest)\. ", heading)
    changes = {
        name: float(text) for name, text in re.findall(r"(error|entropy|percentile|largest) ([\d.e-]+)", heading)
    }
    assert len(changes) == 4
    assert changes[heading.partition(". ")[0].split()[-1]] == min(changes.values())
    assert (empty, columns.split("  ")[0]) == ("", "layer")
    table = {row.split()[0]: row.split()[1:4] for row in rows}
    assert list(table) == ["conv1", "conv2", "conv6", "depool2", "depool1", "alpha", "refine_conv1", "refine_alpha"]
    assert {name: cells[0] for name, cells in table.items() if cells[0] == "int8"}.keys() == {
        "conv2", "conv6", "depool2", "depool1"
    }  # fmt: skip
    assert all((cells[1] == "-") == (cells[0] != "int8") for cells in table.values())
    assert header["tensorrt"]["int8_excluded"] == []


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_report_of_floating_point(core: FakeCore, source: Path, precision: str) -> None:
    source.write_bytes(scaled().SerializeToString())
    core.layers = inspected(layer("Float" if precision == "fp32" else "Half"))
    report = source.with_name("report.txt")
    build(source, precision, report=report)
    rows = {row.split()[0]: row for row in report.read_text().splitlines()[3:]}
    kept = "reaches" in rows["conv2"] and rows["conv2"].split()[1] == "fp32"
    assert kept == (precision == "fp16")
    assert rows["conv1"].split()[1:] == [precision, "-", "-", "as", "asked", "for"]


def types_told(core: FakeCore, source: Path, precision: str, **options: Any) -> dict[str, str]:
    core.version, core.layers = "8.5.3", inspected(layer({"fp32": "Float", "fp16": "Half", "int8": "Int8"}[precision]))
    build(source, precision, **options)
    types: dict[str, str] = core.requests[-1]["types"]
    return types


def test_version_8_is_told_the_types_of_a_file_that_does_not_bind_it(core: FakeCore, source: Path) -> None:
    assert types_told(core, source, "fp32") == {}
    plugin, native = (types_told(core, source, "fp16", unpool=unpool) for unpool in ("plugin", "native"))
    for types in (plugin, native):
        assert {types[name] for name in ("input.fp16", "conv1.out", "pool1.out", "unpool1.out")} == {"fp16"}
        assert {types[name] for name in ("coarse.out", "sum.out", "alpha")} == {"fp32"}
    assert {native[f"pool1.value{code}"] for code in range(3)} == {"fp16"}
    assert "pool1.wins0" not in native


def test_int8_in_version_8_is_told_where_the_rest_computes_in_fp16(core: FakeCore, source: Path) -> None:
    folder = pictures(source.parent / "pictures")
    types = types_told(core, source, "int8", calibration=folder, threshold=1e9)
    written = {name for node in core.requests[-1]["onnx"].graph.node for name in node.output}
    assert {types[name] for name in ("conv1.out", "pool1.out", "conv2.out")} == {"fp16"}
    assert types["alpha"] == "fp32"
    assert not {name for name in written & set(types) if name.endswith((".dequantized", ".int8"))}


def test_newer_versions_read_the_types_in_the_file(core: FakeCore, source: Path) -> None:
    build(source, "fp16")
    assert core.requests[0]["types"] == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "calibration: .* is not a folder"),
        ([], "calibration: .* holds no pictures"),
        (["a.png"], "calibration: .*a_trimap.png', the trimap of 'a.png', is missing"),
        (["a.png", "a_trimap.png"], "known"),
    ],
)
def test_calibration_folder_errors_reach_the_user(
    core: FakeCore, source: Path, files: list[str] | None, message: str
) -> None:
    folder = source.parent / "pictures"
    if files is not None:
        folder.mkdir()
        for name in files:
            cv2.imwrite(str(folder / name), np.zeros((32, 32) if "_" in name else (32, 32, 3), np.uint8))
    with pytest.raises(InvalidInput, match=message):
        build(source, "int8", calibration=folder)
    assert not core.requests
