"""ONNX files of other exporters: a plan gives what ONNX Runtime gives, or the message names the node."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import dim_trt
from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.foreign import GLUE, is_standard
from dim_trt.graph.load import load_onnx
from dim_trt.graph.preprocessing import PRESETS
from tests.support.compare import assert_within
from tests.support.networks import input_tensor, random_picture
from tests.support.tiny_graphs import tiny_dim
from tests.training.foreign_networks import Foamliu, Huochaitiantang, MMagic, randomise
from training.export import _quiet_exporter

SIZES = [(61, 97), (96, 64)]
IMAGENET = {
    "dim_trt.format_version": "1",
    "dim_trt.preprocessing": json.dumps(PRESETS["imagenet"]),
}


class WithoutChannelAxis(nn.Module):
    """As foamliu's program has it: alpha is [N, H, W]."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).squeeze(1)


def by_pytorch(network: nn.Module, path: Path, dynamic: bool, optimize: bool = True) -> onnx.ModelProto:
    """As a user exports it: unpooling becomes ScatterND, sizes are constants or computed; `optimize` folds the rest."""
    x = input_tensor(*random_picture(0, 64, 96))
    sides = [torch.export.Dim(name, max=64) for name in ("h", "w")]
    shapes = ({2: 32 * sides[0], 3: 32 * sides[1]},) if dynamic else None
    with _quiet_exporter():
        program = torch.onnx.export(
            randomise(network, x), (x,), dynamo=True, dynamic_shapes=shapes, verbose=False, external_data=False,
            optimize=optimize,
        )  # fmt: skip
    program.save(path)
    return onnx.load(path)


def by_mmediting(model: onnx.ModelProto) -> onnx.ModelProto:
    """Opset 11, PyTorch's indices within a channel, and the channels' offsets added back before MaxUnpool."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[np.int64]] = {
        **{f"c{i}": np.array(i) for i in range(4)}, "zeros": np.array([0, 0]), "ones": np.array([1, 1]),
        "axes": np.array([2, 3]), "per channel": np.array([1, -1, 1, 1]), "per batch": np.array([-1, 1, 1, 1]),
    }  # fmt: skip

    def add(op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def offsets(prefix: str, count: str, shape: str, step: str) -> str:
        numbers = add("Reshape", [add("Range", ["c0", count, "c1"], f"{prefix}.range"), shape], f"{prefix}.numbers")
        product = add("Mul", [numbers, step], f"{prefix}.product")
        return add("Cast", [product], f"{prefix}.offsets", to=TensorProto.INT64)

    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "MaxPool":
            x, flat = node.input[0], node.output[1]
            copy = [f"{flat}.same", f"{flat}.count"]
            nodes.append(helper.make_node("MaxPool", [x], copy, kernel_shape=[1, 1], strides=[1, 1]))
            corner = add("Slice", [copy[1], "zeros", "ones", "axes"], f"{flat}.corner")
            add("Sub", [flat, corner], f"{flat}.torch")
        if node.op_type == "MaxUnpool":
            nodes.pop()
            x, flat, name = node.input[0], node.input[1], node.name
            shape = add("Shape", [x], f"{name}.shape")
            batch, channels, *sides = (add("Gather", [shape, f"c{i}"], f"{name}.{i}", axis=0) for i in range(4))
            doubled = [add("Mul", [side, "c2"], f"{side}.doubled") for side in sides]
            plane = add("Mul", doubled, f"{name}.plane")
            volume = add("Mul", [plane, channels], f"{name}.volume")
            moved = add("Add", [f"{flat}.torch", offsets(f"{name}.c", channels, "per channel", plane)], f"{name}.moved")
            node.input[1] = add("Add", [moved, offsets(f"{name}.n", batch, "per batch", volume)], f"{name}.indices")
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in constants.items())
    model.opset_import[0].version, model.ir_version = 11, 6
    return model


def at_fixed_size(model: onnx.ModelProto) -> onnx.ModelProto:
    for value in (*model.graph.input, *model.graph.output):
        for dim, side in zip(value.type.tensor_type.shape.dim[2:], (64, 96), strict=True):
            dim.dim_value = side
    return model


FORMS: dict[str, Callable[[Path], onnx.ModelProto]] = {
    "standard, fixed size": lambda _path: at_fixed_size(tiny_dim()),
    "mmediting": lambda _path: by_mmediting(tiny_dim()),
    "mmediting, fixed size": lambda _path: at_fixed_size(by_mmediting(tiny_dim(skip=False))),
    "ScatterND, any size, skip and refiner": lambda path: by_pytorch(
        Huochaitiantang(3, skip=True, refiner=True), path, dynamic=True
    ),
    "ScatterND, fixed size": lambda path: by_pytorch(MMagic(refiner=False), path, dynamic=False),
    "ScatterND, fixed size, [N, H, W], batch norm and CastLike left": lambda path: by_pytorch(
        WithoutChannelAxis(Foamliu()), path, dynamic=False, optimize=False
    ),
    "ScatterND, any size, no ReLU": lambda path: by_pytorch(Foamliu(), path, dynamic=True),
}


def run_onnx(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: x})[0]
    return result


@pytest.mark.parametrize("form", FORMS)
def test_plan_gives_what_onnx_runtime_gives(form: str, tmp_path: Path) -> None:
    model = FORMS[form](tmp_path / "other.onnx")
    helper.set_model_props(model, IMAGENET)
    assert not is_standard(model)
    onnx.save(model, tmp_path / "other.onnx")
    source = load_onnx(tmp_path / "other.onnx")
    assert is_standard(source.proto)
    onnx.checker.check_model(source.proto, full_check=True)
    dim_trt.build_plan(tmp_path / "other.onnx", tmp_path / "dim.plan", backend="cpu")
    engine = dim_trt.Engine(tmp_path / "dim.plan", color="rgb", device="cpu")
    for seed, (height, width) in enumerate([(61, 90)] if "fixed" in form else SIZES):
        img, trimap = random_picture(seed, height, width)
        expected = np.squeeze(run_onnx(model, input_tensor(img, trimap).numpy()))[:height, :width]
        unknown = (trimap != 0) & (trimap != 255)
        assert expected[unknown].std() > 0.02  # a constant would agree too easily
        assert_within(engine.run(img, trimap)[unknown], expected[unknown], 1e-4, f"{height}x{width}")
    if "fixed" in form:  # sizes are open now
        assert engine.run(*random_picture(0, 33, 150)).shape == (33, 150)


# what is refused


def change_offset(model: onnx.ModelProto) -> None:
    """Indices that are one off, as in exports that forgot something."""
    next(node for node in model.graph.node if node.output[0] == "unpool1.n.range").input[0] = "c1"


def forget_offsets(model: onnx.ModelProto) -> None:
    """PyTorch's indices within a channel given to ONNX's MaxUnpool, which counts over all channels."""
    next(node for node in model.graph.node if node.name == "unpool1").input[1] = "pool1.indices.torch"


def other_pool(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.output[0] == "unpool1.moved").input[0] = "pool2.indices.torch"


def two_pools(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.output[0] == "unpool1.moved").input[1] = "pool2.indices.torch"


def glue_between_layers(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.name == "conv6")
    model.graph.node.insert(list(model.graph.node).index(node), helper.make_node("Mul", ["pool2.out"] * 2, ["squared"]))
    node.input[0] = "squared"


def odd_size(model: onnx.ModelProto) -> None:
    at_fixed_size(model)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 65
    del model.graph.output[0].type.tensor_type.shape.dim[2:]
    for _ in range(2):
        model.graph.output[0].type.tensor_type.shape.dim.add()


def huge_size(model: onnx.ModelProto) -> None:
    at_fixed_size(model)
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 1 << 20


NOT_UNPOOLING = {
    change_offset: "node 'unpool1' (MaxUnpool) is not the unpooling of node 'pool1' (MaxPool): ",
    forget_offsets: "random values end up elsewhere",
    other_pool: "node 'unpool1' (MaxUnpool) is not the unpooling of node 'pool2' (MaxPool): no feature map of 8 chann",
    two_pools: "with the indices of 2 MaxPool nodes; expected unpooling with the indices of one",
    glue_between_layers: "node 'conv6' (Conv) reads 'squared', which is no feature map: it is computed by Mul",
    odd_size: "(MaxPool): it gives [1, 6, 64, 96] where unpooling gives [1, 6, 65, 96]",
    huge_size: "the input is fixed at 1048576x64 px, too large to try out",
}


@pytest.mark.parametrize("change", NOT_UNPOOLING, ids=lambda change: change.__name__)
def test_what_is_not_unpooling_is_refused_by_name(change: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    model = by_mmediting(tiny_dim())
    change(model)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BuildError, match=re.escape(NOT_UNPOOLING[change])):
        load_onnx(tmp_path / "other.onnx")


def test_a_changed_node_is_noticed_unless_it_changes_nothing(tmp_path: Path) -> None:
    """Every input of every node between pooling and unpooling in turn is replaced by another number."""
    path, whole = tmp_path / "other.onnx", by_mmediting(tiny_dim())
    x = input_tensor(*random_picture(0, 64, 96)).numpy()
    expected, refused = run_onnx(whole, x), 0
    for number, node in enumerate(whole.graph.node):
        for place in range(len(node.input) if node.op_type in GLUE else 0):
            model = onnx.ModelProto()
            model.CopyFrom(whole)
            model.graph.node[number].input[place] = "c3"
            onnx.save(model, path)
            try:
                alpha = run_onnx(load_onnx(path).proto, x)
            except BuildError:
                refused += 1
                continue
            assert_within(alpha, run_onnx(model, x), 1e-6, f"{node.output[0]} {place}")
            assert_within(alpha, expected, 1e-6, f"{node.output[0]} {place}")
    assert refused > 20


# preprocessing for files that say nothing about it


def bare(path: Path) -> Path:
    model = tiny_dim()
    del model.metadata_props[:]
    onnx.save(model, path / "bare.onnx")
    return path / "bare.onnx"


SCALED: dict[str, Any] = PRESETS["imagenet"] | {
    "padding": "none",
    "resize": {"round": "up", "max_side": 0, "pixels": "uint8", "img": "linear", "trimap": "linear", "alpha": "cubic"},
}


def test_preprocessing_by_name_by_file_or_by_value(tmp_path: Path) -> None:
    path = bare(tmp_path)
    values = PRESETS["imagenet"] | {"channel_order": "bgr", "mean": [1, 2, 3]}
    (tmp_path / "input.json").write_text(json.dumps(values))
    assert load_onnx(path, "raw-bgr").preprocessing == PRESETS["raw-bgr"]
    assert load_onnx(path, tmp_path / "input.json").preprocessing == values
    assert load_onnx(path, values).preprocessing == values
    assert load_onnx(path, SCALED).preprocessing == SCALED


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("imagenette", "expected imagenet (RGB by ImageNet's mean and std, trimap / 255), raw-bgr"),
        ({"mean": [0, 0, 0]}, "preprocessing: 'channel_order' is missing"),
        (PRESETS["imagenet"] | {"gamma": 2.2}, "expected channel_order, mean, std, trimap_scale, stride, "),
        (PRESETS["imagenet"] | {"padding": "zero"}, "padding: expected 'none' or 'reflect', got 'zero'"),
        (SCALED | {"padding": "reflect"}, "padding: expected 'none' with resize, got 'reflect'"),
        (SCALED | {"resize": {"round": "up"}}, "resize: 'max_side' is missing"),
        (SCALED | {"resize": SCALED["resize"] | {"sides": 512}}, ", got resize.sides"),
        (SCALED | {"resize": SCALED["resize"] | {"size": [512, 512]}}, "resize.round: expected none with size"),
        (SCALED | {"resize": SCALED["resize"] | {"max_side": 50}}, "resize.max_side: expected a multiple of 32"),
        (PRESETS["imagenet"] | {"mean": [1, 2, float("nan")]}, "preprocessing: not valid JSON"),
        (PRESETS["imagenet"] | {"mean": {1, 2, 3}}, "set is not JSON serializable"),
        (PRESETS["imagenet"] | {"trimap_scale": 0}, "trimap_scale: expected a number other than 0"),
        (PRESETS["imagenet"] | {"trimap_values": "gray"}, "trimap_values: expected 'canonical' or 'raw', got 'gray'"),
        (7, "got int"),
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(choice: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        load_onnx(bare(tmp_path), choice)


def test_files_that_are_no_preprocessing_are_refused(tmp_path: Path) -> None:
    for content, said in (("{", "is not JSON"), ("[]", "got list")):
        (tmp_path / "input.json").write_text(content)
        with pytest.raises(InvalidInput, match=said):
            load_onnx(bare(tmp_path), tmp_path / "input.json")


def test_preprocessing_is_refused_where_the_file_has_its_own(tmp_path: Path) -> None:
    onnx.save(tiny_dim(), tmp_path / "dim.onnx")
    with pytest.raises(InvalidInput, match="the file's own metadata"):
        load_onnx(tmp_path / "dim.onnx", "imagenet")


def test_the_message_for_a_bare_file_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"choose --preprocessing imagenet .*, raw-bgr .*, or a JSON file"):
        load_onnx(bare(tmp_path))
