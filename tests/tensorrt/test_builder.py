"""dim_trt.plans.tensorrt without a GPU: what it asks of the core, and what it makes of the answers."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import dim_trt
from dim_trt import _core
from dim_trt.errors import BackendUnavailable, BuildError, InvalidInput, PlanError
from dim_trt.plans.tensorrt import check_layers
from tests.support.tiny_graphs import PREPROCESSING, GraphMaker, scaled, tiny_salient
from tests.tensorrt.fake_core import ENGINE, FakeCore, build, inspected, layer

pytestmark = pytest.mark.public
TYPES = {  # as inspectors of several versions write them
    "fp32": ["Row major linear FP32", "Float", "Row major linear Float"],
    "fp16": ["Channel major FP16 format where channel % 8 == 0", "Row major linear FP16 format", "Half"],
    "int8": ["Thirty-two wide channel vectorized row major Int8 format", "Int8", "Row major linear INT8"],
}


# header and request


def test_header_says_what_the_plan_was_built_by(core: FakeCore, source: Path) -> None:
    header = build(source, tuned_for="512", optimization_level=2)
    facts = header["tensorrt"]
    halo = facts.pop("halo_px")
    assert isinstance(halo, int)
    assert halo > 0
    assert facts == {
        "version": "10.16.0",
        "gpu": "Fake GPU",
        "sm": "9.0",
        "driver_cuda": "12.4",
        "unpool": "plugin",
        "optimization_level": 2,
        "int8_excluded": [],
        "fp32_layers": [],
        "convolutions": {"fp16": 6},
    }
    assert (header["backend"], header["precision"]) == ("tensorrt", "fp16")
    assert header["shapes"] == {"min": [1, 1], "opt": [512, 512], "max": [1024, 1024]}
    assert header["preprocessing"] == PREPROCESSING
    assert len(core.requests) == 1


@pytest.mark.usefixtures("core")
def test_weights_are_stored_as_they_compute(source: Path) -> None:
    assert build(source, "fp16")["weights"] == "fp16"
    for weights in ("fp32", "int8"):
        with pytest.raises(InvalidInput, match=f"weights: expected None or 'fp16', .* got '{weights}'; leave it out"):
            dim_trt.build_plan(
                source, source.with_name("a.plan"), precision="fp16", weights=weights, backend="tensorrt"
            )
    assert not source.with_name("a.plan").exists()


def test_request_carries_the_options(core: FakeCore, source: Path) -> None:
    build(source, min_size=(33, 1), opt_size=(64, 65), max_size=(200, 300), workspace_mb=3, optimization_level=5)
    request = core.requests[0]
    assert (request["min"], request["opt"], request["max"]) == ((64, 32), (64, 96), (224, 320))
    assert (request["workspace_bytes"], request["optimization_level"], request["gpu"]) == (3 << 20, 5, 0)
    assert request["precision"] == "fp16"


def test_a_network_that_the_cpu_cannot_run_is_built(core: FakeCore, tmp_path: Path) -> None:
    """A kernel of 9 and a sum of two unpooled maps: what is checked is what both backends need."""
    maker = GraphMaker()
    first = maker.conv("input", 4, 6, 9, "conv1")
    pooled = maker.pool(first, "pool1")
    up = [maker.unpool(x, "pool1", f"unpool{i}") for i, x in enumerate((pooled, maker.conv(pooled, 6, 6, 3, "conv2")))]
    x = maker.conv(maker.add("Add", up, "sum"), 6, 1, 3, "alpha", relu=False)
    onnx.save(maker.model(maker.add("Sigmoid", [x], "activation")), tmp_path / "dim.onnx")
    core.layers = inspected(layer("Float"))
    header = build(tmp_path / "dim.onnx", "fp32")
    # the last convolution and its cells, a cell more, their windows, and 4 pixels around
    assert header["tensorrt"]["halo_px"] == 8
    assert len(core.requests) == 1
    with pytest.raises(BuildError, match=r"node 'conv1' \(Conv\) has weights \[6, 4, 9, 9\]"):
        dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "cpu.plan", backend="cpu")


@pytest.mark.usefixtures("core")
def test_a_network_that_no_backend_runs_is_refused_before_it_is_built(tmp_path: Path) -> None:
    maker = GraphMaker()
    maker.constant("weight", np.zeros((1, 4, 3, 3), np.float32))
    x = maker.add("Conv", ["input", "weight"], "strided", kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    onnx.save(maker.model(maker.add("Sigmoid", [x], "activation")), tmp_path / "dim.onnx")
    with pytest.raises(BuildError, match=r"node 'strided' \(Conv\) has strides \[2, 2\]; expected \[1, 1\]"):
        build(tmp_path / "dim.onnx", "fp32")


def test_segmentation_is_not_for_tensorrt(core: FakeCore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    onnx.save(tiny_salient(), tmp_path / "salient.onnx")
    with pytest.raises(BuildError, match=r"tensorrt backend runs networks for matting, .* segmentation; build it with"):
        build(tmp_path / "salient.onnx")
    with caplog.at_level(logging.INFO, "dim_trt"):
        header = dim_trt.build_plan(tmp_path / "salient.onnx", tmp_path / "salient.plan")
    assert header["backend"] == "cpu"
    assert "backend auto: cpu, as tensorrt does not run networks for segmentation" in caplog.text
    assert not core.requests


def preprocessed(source: Path, **changes: object) -> Path:
    model = onnx.load(source)
    helper.set_model_props(model, {"dim_trt.format_version": "1",
                                   "dim_trt.preprocessing": json.dumps(PREPROCESSING | changes)})  # fmt: skip
    onnx.save(model, source)
    return source


def test_sizes_are_those_of_scaled_pictures(core: FakeCore, source: Path) -> None:
    resize = {"round": "down", "max_side": 192, "pixels": "uint8", "img": "linear", "trimap": "linear"}
    preprocessed(source, padding="none", resize=resize | {"alpha": "linear"})
    build(source, min_size=(33, 1), opt_size=(64, 97), max_size=(200, 191))
    request = core.requests[0]
    assert (request["min"], request["opt"], request["max"]) == ((32, 32), (64, 96), (192, 160))


def test_maps_that_end_with_the_picture_are_refused(core: FakeCore, source: Path) -> None:
    with pytest.raises(BuildError, match=r"padding 'none'.*--backend cpu"):
        build(preprocessed(source, padding="none"))
    assert not core.requests


@pytest.mark.parametrize(("unpool", "plugins"), [("plugin", 4), ("native", 0)])
def test_network_has_plugins_or_none(core: FakeCore, source: Path, unpool: str, plugins: int) -> None:
    core.layers = inspected(layer("Float"))
    build(source, "fp32", unpool=unpool)
    nodes = core.requests[0]["onnx"].graph.node
    assert sum(node.domain == "dim_trt" for node in nodes) == plugins
    assert not {"MaxUnpool"} & {node.op_type for node in nodes}


def test_plan_is_read_and_its_engine_extracted(core: FakeCore, source: Path) -> None:
    header = build(source)
    plan = str(source.with_name("dim.plan"))
    assert json.loads(_core.read_plan_header(plan)) == header
    assert _core.read_plan_payload(plan) == ENGINE
    assert core.requests


def test_loading_it_here_says_what_is_missing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        FakeCore().install(patched)
        build(source, timing_cache=source.with_name("timings"))
    reason = dim_trt.capabilities()["tensorrt"]["reason"]
    expected = (BackendUnavailable, reason) if reason else (PlanError, "rebuild it here")
    with pytest.raises(expected[0], match=re.escape(expected[1])):
        dim_trt.Engine(source.with_name("dim.plan"))


# precision of the layers


@pytest.mark.parametrize(("precision", "text"), [(kind, text) for kind, texts in TYPES.items() for text in texts])
def test_right_precision_passes(precision: str, text: str) -> None:
    assert check_layers(inspected(layer(text), layer(text)), precision) == {precision: 2}


@pytest.mark.parametrize(("precision", "other"), [("fp16", "fp32"), ("fp32", "fp16")])
def test_wrong_precision_is_an_error_and_leaves_no_plan(
    core: FakeCore, source: Path, precision: str, other: str
) -> None:
    core.layers = inspected(*(layer(text) for text in TYPES[other]))
    with pytest.raises(BuildError, match=rf"precision='{precision}': .*{len(TYPES[other])} in {other}"):
        build(source, precision)
    assert not source.with_name("dim.plan").exists()


@pytest.mark.parametrize("other", ["fp16", "fp32"])
def test_int8_that_is_not_int8_is_an_error(other: str) -> None:
    with pytest.raises(BuildError, match=f"3 in {other}"):
        check_layers(inspected(*(layer(text) for text in TYPES[other])), "int8")


def test_a_first_layer_in_another_precision_is_no_error() -> None:
    layers = inspected(layer("Float"), *(layer("Half") for _ in range(3)))
    assert check_layers(layers, "fp16") == {"fp16": 3, "fp32": 1}


@pytest.mark.parametrize("layers", [inspected(), inspected("conv1_1", "conv1_2"), inspected(layer("new words")), "{}",
                                    "", "Layers:", '{"Layers": [', "[]", "null", '{"Layers": 3}',
                                    '{"Layers": [{"LayerType": "Convolution", "Inputs": ["x"]}]}'])  # fmt: skip
def test_unreadable_layers_are_a_warning(layers: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "dim_trt"):
        assert check_layers(layers, "fp16") == {}
    assert "does not say in which precision" in caplog.text


def test_a_finished_engine_is_kept_where_its_layers_cannot_be_read(core: FakeCore, source: Path) -> None:
    core.layers = '{"Layers": [{"Name": "conv1_1'  # cut off
    header = build(source)
    assert header["tensorrt"]["convolutions"] == {}
    assert _core.read_plan_payload(str(source.with_name("dim.plan"))) == ENGINE


def test_layers_are_written_even_where_the_precision_is_wrong(core: FakeCore, source: Path) -> None:
    core.layers = inspected(layer("Float"))
    written = source.with_name("layers.json")
    with pytest.raises(BuildError):
        build(source, "fp16", layers_json=written)
    assert written.read_text() == core.layers


# layers that float16 cannot hold


def test_a_layer_that_overflows_is_float32_and_the_build_says_so(
    core: FakeCore, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source.write_bytes(scaled().SerializeToString())
    with caplog.at_level(logging.WARNING, "dim_trt"):
        header = build(source)
    (said,) = caplog.messages
    assert re.match(r"fp16: conv2, conv6 compute in fp32: feature maps reach \d+ on .*, beyond 32752, half of", said)
    assert header["tensorrt"]["fp32_layers"] == ["conv2", "conv2_relu", "pool2", "conv6"]
    values = core.requests[0]["onnx"].graph.value_info
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    assert kinds["conv2.out"] == onnx.TensorProto.FLOAT
    assert kinds["conv1.out"] == onnx.TensorProto.FLOAT16


def test_without_onnxruntime_one_warning_says_that_nobody_looked(
    core: FakeCore, source: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level(logging.WARNING, "dim_trt"):
        build(source)
    (said,) = caplog.messages
    assert said.startswith("fp16: whether float16 holds every feature map was not checked, which needs onnxruntime")
    assert core.requests


# timings


def test_timings_are_kept_and_given_to_the_next_build(core: FakeCore, source: Path, tmp_path: Path) -> None:
    build(source)
    build(source)
    kept = list((tmp_path / "cache").iterdir())
    assert [request["timing_cache"] for request in core.requests] == [b"", b"timings"]
    assert [path.name for path in kept] == ["tensorrt-10.16.0-sm9.0.timing"]


def test_another_version_has_timings_of_its_own(core: FakeCore, source: Path) -> None:
    build(source)
    core.version = "11.1.0"
    build(source)
    assert core.requests[1]["timing_cache"] == b""


def test_timings_go_where_the_user_wants(core: FakeCore, source: Path) -> None:
    path = source.with_name("mine.timing")
    path.write_bytes(b"old")
    build(source, timing_cache=path)
    assert core.requests[0]["timing_cache"] == b"old"
    assert path.read_bytes() == b"timings"


def test_timings_that_cannot_be_kept_are_a_warning(
    core: FakeCore, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (source.parent / "file").write_text("not a folder")
    with caplog.at_level(logging.WARNING, "dim_trt"):
        build(source, timing_cache=source.parent / "file" / "timings")
    assert "timings are not kept" in caplog.text
    assert source.with_name("dim.plan").exists()
    assert core.requests
