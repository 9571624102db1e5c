"""dim.onnx -> checked graph -> own operations -> program of the cpu backend, without running an engine."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.program import Program
from dim_trt.graph.quantize import quantize_weights
from dim_trt.graph.storage import store_weights
from dim_trt.graph.translate import translate
from tests.support.tiny_graphs import COLORS_ALONE, PREPROCESSING, GraphMaker, network_input, tiny_dim

VARIANTS = [
    {"skip": True, "refine": True, "output": "sigmoid"},
    {"skip": False, "refine": True, "output": "clip"},
    {"skip": False, "refine": False, "output": "sigmoid"},
    {"skip": True, "refine": False, "output": "clip"},
]
IDS = ["-".join(str(value) for value in variant.values()) for variant in VARIANTS]


def run_onnx(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": x})[0]


def program_of(model: onnx.ModelProto, precision: str = "fp32") -> Program:
    return translate(lower(store_weights(import_graph(model), precision)))


class Interpreter:
    """Runs the bytes of a payload as the specification of the program says; PyTorch does the arithmetic."""

    def __init__(self, payload: bytes):
        length = int.from_bytes(payload[:4], "little")
        self.ops = json.loads(payload[4 : 4 + length])["ops"]
        self.area = payload[-(-(4 + length) // 64) * 64 :]
        self.ranges: list[tuple[int, int]] = []  # of the tensor area, that the operations read

    def array(self, offset: int, dtype: str, shape: list[int]) -> torch.Tensor:
        assert offset % 64 == 0
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.ranges.append((offset, offset + size))
        values = np.frombuffer(self.area[offset : offset + size], dtype).reshape(shape)
        return torch.from_numpy(values.astype(np.float32))

    def tensor(self, spec: dict[str, Any]) -> torch.Tensor:
        values = self.array(spec["offset"], spec["dtype"], spec["shape"])
        if spec["dtype"] == "int8":
            values *= self.array(spec["scale_offset"], "float32", spec["shape"][:1])[:, None, None, None]
        return values

    def run(self, x: np.ndarray) -> np.ndarray:
        values: dict[str, Any] = {}
        for op in self.ops:
            match op["op"]:
                case "input":
                    assert op is self.ops[0]
                    assert op["channels"] == 4
                    values[op["output"]] = torch.from_numpy(x)
                case "conv":
                    source = values[op["input"]]
                    if op["codes"]:
                        source = F.max_unpool2d(source, values[op["codes"]], 2)
                        source = source + values[op["add"]] if op["add"] else source
                    weight, bias = self.tensor(op["weight"]), self.tensor(op["bias"])
                    assert weight.shape[2:] == (op["kernel"], op["kernel"])
                    result = F.conv2d(source, weight, bias, padding=op["kernel"] // 2)
                    values[op["output"]] = result.relu() if op["relu"] else result
                case "max_pool_argmax":
                    values[op["output"]], values[op["codes"]] = F.max_pool2d(
                        values[op["input"]], 2, return_indices=True
                    )
                case "sigmoid":
                    values[op["output"]] = values[op["input"]].sigmoid()
                case "clip":
                    values[op["output"]] = values[op["input"]].clamp(0, 1)
                case "add":
                    values[op["output"]] = values[op["input"]] + values[op["other"]]
                case "concat":
                    parts = [values[p["value"]][:, p["first"] : p["first"] + p["count"]] for p in op["inputs"]]
                    values[op["output"]] = torch.cat(parts, 1)
                case "output":
                    assert op is self.ops[-1]
                    return values[op["input"]].numpy()
        raise AssertionError("no output")


# program


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("variant", VARIANTS, ids=IDS)
def test_program_computes_what_onnx_runtime_computes(variant: dict[str, Any], precision: str) -> None:
    model, x = tiny_dim(**variant), network_input(32, 96)
    reference = run_onnx(gs.export_onnx(store_weights(import_graph(model), precision)), x)
    interpreter = Interpreter(program_of(model, precision).to_bytes())
    alpha = interpreter.run(x)
    assert alpha.shape == (1, 1, 32, 96)
    assert alpha.std() > 0.02  # a constant would agree too easily
    np.testing.assert_allclose(alpha, reference, rtol=0, atol=2e-6)


def test_tensors_neither_overlap_nor_leave_the_payload() -> None:
    interpreter = Interpreter(program_of(tiny_dim(), "int8").to_bytes())
    interpreter.run(network_input(32, 64))
    ranges = sorted(interpreter.ranges)
    assert len(ranges) > 10
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ranges))
    assert ranges[-1][1] <= len(interpreter.area)


def test_program_fuses_and_drops() -> None:
    ops = program_of(tiny_dim()).ops
    kinds = [op["op"] for op in ops]
    assert set(kinds) == {"input", "conv", "max_pool_argmax", "sigmoid", "concat", "add", "output"}
    assert "dead" not in json.dumps(ops)
    conv = {op["name"]: op for op in ops if op["op"] == "conv"}
    assert conv["depool2"]["relu"]
    assert conv["depool2"]["codes"]
    assert conv["depool2"]["add"] == conv["conv2"]["output"]
    assert not conv["alpha"]["relu"]
    assert conv["alpha"]["codes"] is None
    concat = next(op for op in ops if op["op"] == "concat")
    assert concat["inputs"][0] == {"value": "input", "first": 0, "count": 3}


# lowering


def test_lowering_leaves_only_own_pooling_operations() -> None:
    graph = lower(import_graph(tiny_dim()))
    ops = [node.op for node in graph.nodes]
    assert ops.count("MaxPoolArgmax") == ops.count("IndexUnpool") == 2
    assert not {"MaxPool", "MaxUnpool", "Identity", "Constant"} & set(ops)
    assert all(node.domain == "dim_trt" for node in graph.nodes if node.op in ("MaxPoolArgmax", "IndexUnpool"))


def set_attribute(model: onnx.ModelProto, node: str, **attributes: Any) -> None:
    target = next(n for n in model.graph.node if n.name == node)
    kept = [a for a in target.attribute if a.name not in attributes]
    del target.attribute[:]
    target.attribute.extend(kept + [helper.make_attribute(k, v) for k, v in attributes.items()])


def set_tensor(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))


def set_input(model: onnx.ModelProto, node: str, index: int, tensor: str) -> None:
    next(n for n in model.graph.node if n.name == node).input[index] = tensor


def nan_at_start(weights: np.ndarray) -> np.ndarray:
    weights.flat[0] = np.nan
    return weights


REFUSED: dict[str, tuple[Callable[[onnx.ModelProto], Any], str, str]] = {
    "pool 3x3": (lambda m: set_attribute(m, "pool1", kernel_shape=[3, 3]), "pool1", "kernel_shape [3, 3]"),
    "pool stride": (lambda m: set_attribute(m, "pool2", strides=[1, 1]), "pool2", "strides [1, 1]"),
    "pool ceil": (lambda m: set_attribute(m, "pool1", ceil_mode=1), "pool1", "ceil_mode"),
    "unpool stride": (lambda m: set_attribute(m, "unpool1", strides=[3, 3]), "unpool1", "strides [3, 3]"),
    "indices computed": (lambda m: set_input(m, "unpool2", 1, "conv6.out"), "unpool2", "second output of a MaxPool"),
    "indices of another size": (lambda m: set_input(m, "unpool2", 1, "pool1.indices"), "unpool2", "the same shape"),
    "indices read elsewhere": (lambda m: set_input(m, "coarse", 0, "pool1.indices"), "coarse", "only MaxUnpool can"),
    "conv stride": (lambda m: set_attribute(m, "conv2", strides=[2, 2]), "conv2", "strides [2, 2]"),
    "conv dilation": (lambda m: set_attribute(m, "conv2", dilations=[2, 2]), "conv2", "dilations"),
    "conv group": (lambda m: set_attribute(m, "conv2", group=2), "conv2", "group 2"),
    "conv valid": (lambda m: set_attribute(m, "conv2", pads=[0, 0, 0, 0]), "conv2", "pads [0, 0, 0, 0]"),
    "even kernel": (lambda m: set_tensor(m, "conv2.weight", lambda w: w[:, :, :2, :2]), "conv2", "square kernel"),
    "wrong channels": (lambda m: set_tensor(m, "conv2.weight", lambda w: w[:, :5]), "conv2", "expects 5 channels"),
    "bias size": (lambda m: set_tensor(m, "conv2.bias", lambda b: b[:3]), "conv2", "bias"),
    "double weights": (lambda m: set_tensor(m, "conv2.weight", lambda w: w.astype(float)), "conv2", "float64"),
    "weights computed": (lambda m: set_input(m, "conv2", 1, "pool1.out"), "conv2", "no constant weights"),
    "relu elsewhere": (lambda m: set_input(m, "conv6_relu", 0, "pool2.out"), "conv6_relu", "read a convolution"),
    "sum of sizes": (lambda m: set_input(m, "sum", 0, "conv2_relu.out"), "sum", "adds"),
    "unpooled sigmoid": (lambda m: feed_coarse(m, "unpool1.out", 6), "coarse", "unpooled"),
    "slice alone": (lambda m: feed_coarse(m, "colors.out", 3), "coarse", "channel slice"),
    "slice of rows": (lambda m: set_tensor(m, "three", lambda t: t * 0), "colors", "no channel"),
    "concat along rows": (lambda m: set_attribute(m, "refine_input", axis=2), "refine_input", "axis 2"),
    "many channels out": (lambda m: set_input(m, "last", 0, "conv1_relu.out"), "alpha", "[1, 6, height, width]"),
}


def feed_coarse(model: onnx.ModelProto, name: str, channels: int) -> None:
    """The coarse activation reads a map of so many channels, and so does what comes after it."""
    set_input(model, "coarse", 0, name)
    set_tensor(model, "refine_conv1.weight", lambda w: np.zeros((5, 3 + channels, 3, 3), w.dtype))


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_backend_cannot_express_is_refused_by_name(case: str) -> None:
    change, node, reason = REFUSED[case]
    model = tiny_dim()
    change(model)
    with pytest.raises(BuildError) as caught:
        program_of(model)
    assert reason in str(caught.value)
    if case != "many channels out":  # there it is the output that is wrong
        assert f"node {node!r}" in str(caught.value)


def test_clip_to_other_bounds_is_refused() -> None:
    model = tiny_dim(output="clip")
    set_tensor(model, "coarse.1", lambda t: t * 6)
    with pytest.raises(BuildError, match=r"'coarse' \(Clip\) clips to \[0\.0, 6\.0\]"):
        program_of(model)


# precision


def test_int8_leaves_first_and_last_convolutions_in_fp16() -> None:
    ops = program_of(tiny_dim(), "int8").ops
    dtypes = {op["name"]: op["weight"]["dtype"] for op in ops if op["op"] == "conv"}
    assert {name for name, dtype in dtypes.items() if dtype == "float16"} == {
        "conv1",
        "alpha",
        "refine_conv1",
        "refine_alpha",
    }
    assert {dtypes[name] for name in ("conv2", "conv6", "depool2", "depool1")} == {"int8"}
    assert all(op["bias"]["dtype"] == "float32" for op in ops if op["op"] == "conv")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_stored_precision_is_valid_onnx_close_to_fp32(precision: str) -> None:
    model, x = tiny_dim(skip=False), network_input(64, 96)
    stored = gs.export_onnx(store_weights(import_graph(model), precision))
    onnx.checker.check_model(stored, full_check=True)
    change = np.abs(run_onnx(stored, x) - run_onnx(model, x)).mean()
    assert 0 < change < {"fp16": 1e-3, "int8": 1e-2}[precision]


def test_quantization_rounds_to_the_nearest_step() -> None:
    weights = np.random.default_rng(0).standard_normal((5, 7, 3, 3)).astype(np.float32)
    weights[2] = 0  # a dead channel
    weights[3] *= 1e-6
    values, scale = quantize_weights(weights)
    steps = scale[:, None, None, None]
    assert (values.dtype, scale.dtype) == (np.int8, np.float32)
    assert (scale > 0).all()
    assert (np.abs(values * steps - weights) <= steps * 0.5001).all()
    assert (np.abs(values.astype(int)).reshape(5, -1).max(axis=1) == [127, 127, 0, 127, 127]).all()


def test_weights_beyond_float16_are_refused_by_name() -> None:
    model = tiny_dim()
    set_tensor(model, "conv2.weight", lambda w: w * 1e6)
    with pytest.raises(BuildError, match=r"'conv2'.*65504"):
        store_weights(import_graph(model), "fp16")


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(InvalidInput, match="weights: expected one of fp32, fp16, int8, got 'fp8'"):
        store_weights(import_graph(tiny_dim()), "fp8")


# loading


def saved(model: onnx.ModelProto, tmp_path: Path) -> Path:
    path = tmp_path / "dim.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_load_reads_metadata(tmp_path: Path) -> None:
    source = load_onnx(saved(tiny_dim(), tmp_path))
    assert source.preprocessing == PREPROCESSING
    assert (source.model, source.licence, source.origin) == ({"width": 0.1}, "test licence", "test origin")


def external_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def nested_external_weights(model: onnx.ModelProto) -> None:
    constant = next(n for n in model.graph.node if n.op_type == "Constant")
    constant.attribute[0].t.data_location = TensorProto.EXTERNAL


def unknown_operation(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.name == "conv6_relu").op_type = "Gelu"


def foreign_domain(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.name == "conv6")
    node.domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def local_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f", domain="local")


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, [1]))


def five_channels(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


def batch_of_two(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def double_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def old_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9


def diverged(model: onnx.ModelProto) -> None:
    set_tensor(model, "conv2.weight", nan_at_start)


def short_tensor(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:-4]


def broken_graph(model: onnx.ModelProto) -> None:
    set_input(model, "conv6", 0, "nowhere")


BAD_MODELS = {
    external_weights: "'conv1.weight' is stored in '/etc/passwd'; expected a file in the same folder",
    nested_external_weights: "tensor 'one' is stored in ''; expected a file in the same folder",
    unknown_operation: "node 'conv6_relu' (Gelu) is not part of a Deep Image Matting graph",
    foreign_domain: "node 'conv6' (Conv) is not part of",
    local_function: "function 'f'",
    second_input: "expected one input, got 2 (input, extra)",
    five_channels: "input 'input': expected FLOAT [1, 4, height, width], got FLOAT [1, 5, 32*h, 32*w]",
    batch_of_two: "got FLOAT [2, 4, 32*h, 32*w]",
    double_output: "output 'alpha': expected FLOAT [1, 1, height, width], got DOUBLE",
    old_opset: "expected opset 11 or newer, got 9",
    broken_graph: "not valid",
    diverged: "tensor 'conv2.weight' holds NaN or infinity",
    short_tensor: "tensor 'conv1.weight' is damaged",
}


@pytest.mark.parametrize("change", BAD_MODELS, ids=lambda change: change.__name__)
def test_what_is_no_dim_graph_is_refused(change: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    model = tiny_dim()
    change(model)
    with pytest.raises(BuildError) as caught:
        load_onnx(saved(model, tmp_path))
    assert BAD_MODELS[change] in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, tiny_dim().SerializeToString()[:2000]])
def test_what_is_no_onnx_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dim.onnx"
    path.write_bytes(content)
    with pytest.raises(BuildError, match=r"dim\.onnx' is not an ONNX file"):
        load_onnx(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot read .*none\.onnx.*No such file"):
        load_onnx(tmp_path / "none.onnx")


BAD_METADATA = {
    "not json": ({"dim_trt.preprocessing": "{"}, "is not JSON"),
    "a list": ({"dim_trt.preprocessing": "[]"}, "expected a JSON object, got list"),
    "no version": ({"dim_trt.format_version": ""}, "format version 1, got none"),
    "future version": ({"dim_trt.format_version": "2"}, "format version 1, got 2"),
    "another network": (
        {"dim_trt.network": "u2net"},
        "'dim_trt.network': expected 'dim', got 'u2net'; upgrade",
    ),
    "another task": (
        {"dim_trt.task": "depth"},
        "'dim_trt.task': expected 'matting' or 'segmentation', got 'depth'; upgrade",
    ),
    "the network of another task": (
        {"dim_trt.network": "salient"},
        "'dim_trt.network': expected 'dim', got 'salient'; upgrade",
    ),
    "fed without a trimap": (
        {"dim_trt.preprocessing": json.dumps(COLORS_ALONE)},
        "expected a trimap_scale, as the network is fed RGB and trimap",
    ),
    "model is no object": ({"dim_trt.model": "3"}, "'dim_trt.model': expected a JSON object, got int"),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_broken_metadata_is_refused(case: str, tmp_path: Path) -> None:
    change, reason = BAD_METADATA[case]
    maker = GraphMaker()
    model = maker.model(maker.add("Sigmoid", [maker.conv("input", 4, 1, 3, "conv")], "s"), **change)
    with pytest.raises(BuildError) as caught:
        load_onnx(saved(model, tmp_path))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel_order", "grb"),
        ("mean", [1, 2]),
        ("std", [1, 0, 1]),
        ("trimap_scale", "1/255"),
        ("stride", 0),
        ("stride", 2.5),
        ("padding", "zero"),
    ],
)
def test_preprocessing_must_make_sense(field: str, value: Any, tmp_path: Path) -> None:
    model = tiny_dim()
    helper.set_model_props(
        model,
        {"dim_trt.format_version": "1", "dim_trt.preprocessing": json.dumps(PREPROCESSING | {field: value})},
    )
    with pytest.raises(BuildError, match=f"{field}: expected"):
        load_onnx(saved(model, tmp_path))


def test_missing_preprocessing_says_how_to_get_it(tmp_path: Path) -> None:
    model = tiny_dim()
    del model.metadata_props[:]
    with pytest.raises(BuildError, match=r"'dim_trt.preprocessing' is missing.*training\.export"):
        load_onnx(saved(model, tmp_path))
