"""What exporters leave in a graph is taken out: the plan gives what ONNX Runtime gives, or the message has a cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import dim_trt
from dim_trt.errors import BuildError
from dim_trt.graph.load import load_onnx
from tests.support.compare import assert_within
from tests.support.leftovers import (
    cast_like,
    halved,
    halved_inside,
    numbers_in_attributes,
    rounded,
    squeezed,
    with_norms,
)
from tests.support.networks import input_tensor, random_picture
from tests.support.tiny_graphs import tiny_dim

SIZE = (45, 51)


def plain(model: onnx.ModelProto) -> onnx.ModelProto:
    return model


def opset(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    model.opset_import[0].version = version
    return model


# what is exported, and what it is to be equal to
FORMS: dict[str, tuple[Callable[[onnx.ModelProto], onnx.ModelProto], Callable[[onnx.ModelProto], onnx.ModelProto]]] = {
    "batch norm": (with_norms, with_norms),
    "batch norm, epsilon": (lambda m: with_norms(m, epsilon=0.3), lambda m: with_norms(m, epsilon=0.3)),
    "batch norm in training mode": (lambda m: with_norms(m, training_mode=1), with_norms),
    "float16": (halved, rounded),
    "float16 inside": (halved_inside, rounded),
    "float16 and batch norm": (lambda m: halved(with_norms(rounded(m))), lambda m: rounded(with_norms(rounded(m)))),
    "CastLike": (cast_like, plain),
    "constants as lists": (numbers_in_attributes, plain),
    "[N, H, W] by Squeeze": (squeezed(("Squeeze", [1])), plain),
    "[N, H, W] by Squeeze, from the end": (squeezed(("Squeeze", [-3])), plain),
    "[N, H, W] before the sigmoid": (squeezed(("Squeeze", [1]), before_sigmoid=True), plain),
    "[N, H, W] by an index": (squeezed(("Gather", [0])), plain),
    "[H, W] by Squeeze without axes": (squeezed(("Squeeze", None)), plain),
    "squeezed and unsqueezed": (squeezed(("Squeeze", [1]), ("Unsqueeze", [1])), plain),
}  # fmt: skip


def run_onnx(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: x})[0]
    return result


def tiny() -> onnx.ModelProto:
    return opset(tiny_dim(), 17)


@pytest.mark.parametrize("form", FORMS)
def test_plan_gives_what_onnx_runtime_gives(form: str, tmp_path: Path) -> None:
    change, same = FORMS[form]
    onnx.save(change(tiny()), tmp_path / "other.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "other.onnx"), full_check=True)
    img, trimap = random_picture(1, *SIZE)
    expected = run_onnx(same(tiny()), input_tensor(img, trimap).numpy())[0, 0, : SIZE[0], : SIZE[1]]
    dim_trt.build_plan(tmp_path / "other.onnx", tmp_path / "dim.plan", backend="cpu")
    alpha = dim_trt.Engine(tmp_path / "dim.plan", color="rgb", device="cpu").run(img, trimap)
    unknown = (trimap != 0) & (trimap != 255)
    assert expected[unknown].std() > 0.01
    assert_within(alpha[unknown], expected[unknown], 1e-4, form)


def test_a_plain_file_is_left_as_it_is(tmp_path: Path) -> None:
    onnx.save(tiny_dim(), tmp_path / "dim.onnx")
    assert load_onnx(tmp_path / "dim.onnx").proto == tiny_dim()


# what is refused


def norm_after_relu(model: onnx.ModelProto) -> None:
    with_norms(model)
    norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    relu = next(node for node in model.graph.node if node.op_type == "Relu" and node.input[0] == norm.output[0])
    relu.input[0], norm.input[0] = norm.input[0], relu.output[0]
    for node in model.graph.node:
        if node not in (relu, norm):
            node.input[:] = [norm.output[0] if name == relu.output[0] else name for name in node.input]
    nodes = [node for node in model.graph.node if node not in (relu, norm)]
    del model.graph.node[:]
    model.graph.node.extend([nodes[0], relu, norm, *nodes[1:]])


def norm_of_another_size(model: onnx.ModelProto) -> None:
    with_norms(model)
    gain = next(tensor for tensor in model.graph.initializer if tensor.name.endswith(".gain"))
    gain.CopyFrom(numpy_helper.from_array(np.ones(3, np.float32), gain.name))


def statistics_read(model: onnx.ModelProto) -> None:
    with_norms(model, training_mode=1)
    norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    model.graph.output.append(helper.make_tensor_value_info(norm.output[1], TensorProto.FLOAT, [6]))


def infinite_half(model: onnx.ModelProto) -> None:
    halved(model)
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(np.full(tensor.dims, np.inf, np.float16), tensor.name))


def axis_that_is_needed(model: onnx.ModelProto) -> None:
    squeezed(("Squeeze", [1]))(model)
    model.graph.node[-1].CopyFrom(helper.make_node("Concat", [model.graph.node[-1].input[0]] * 2, ["alpha"], axis=1))


REFUSED = {
    norm_after_relu: "(BatchNormalization) does not stand after a convolution of its own with stored weights",
    norm_of_another_size: "(BatchNormalization) has other sizes than the convolution before it",
    statistics_read: "(BatchNormalization) has statistics that other nodes read; export it in eval mode",
    infinite_half: "holds NaN or infinity",
    axis_that_is_needed: "expected FLOAT [1, 1, height, width], got FLOAT [1, h, w]; export the network that takes RGB",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_what_cannot_be_taken_out_is_refused_with_a_cure(
    change: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    model = tiny()
    change(model)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BuildError, match=re.escape(REFUSED[change])):
        load_onnx(tmp_path / "other.onnx")


# weights in a file beside


@pytest.fixture(name="beside")
def fixture_beside(tmp_path: Path) -> Path:
    """dim.onnx with dim.onnx.data beside it."""
    onnx.save_model(
        tiny_dim(), tmp_path / "dim.onnx", save_as_external_data=True, location="dim.onnx.data", size_threshold=0
    )
    assert (tmp_path / "dim.onnx.data").stat().st_size > 1000
    return tmp_path / "dim.onnx"


def test_weights_beside_the_file_are_read(beside: Path, tmp_path: Path) -> None:
    onnx.save(tiny_dim(), tmp_path / "whole.onnx")
    whole, parts = load_onnx(tmp_path / "whole.onnx"), load_onnx(beside)
    x = input_tensor(*random_picture(0, *SIZE)).numpy()
    np.testing.assert_array_equal(run_onnx(parts.proto, x), run_onnx(whole.proto, x))
    data = beside.with_name("dim.onnx.data")
    data.write_bytes(bytes(len(data.read_bytes())))
    assert load_onnx(beside).sha256 != parts.sha256  # of both files


def entry(path: Path, key: str, value: str) -> None:
    model = onnx.load(path, load_external_data=False)
    entries = model.graph.initializer[0].external_data
    next(entry for entry in entries if entry.key == key).value = value
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.with_name("dim.onnx.data").unlink(), "'dim.onnx.data', which is not beside the ONNX file"),
        (lambda path: entry(path, "location", "../dim.onnx.data"), "expected a file in the same folder, by its name"),
        (lambda path: entry(path, "location", "/etc/passwd"), "expected a file in the same folder, by its name alone"),
        (lambda path: entry(path, "location", ".."), "expected a file in the same folder, by its name alone"),
        (lambda path: entry(path, "location", ""), "expected a file in the same folder, by its name alone"),
        (lambda path: entry(path, "length", "7"), "of 'dim.onnx.data', which has another size"),
        (lambda path: entry(path, "offset", "999999"), "of 'dim.onnx.data', which has another size"),
        (lambda path: entry(path, "offset", "-4"), "is stored at '-4'; expected a whole number"),
    ],
)  # fmt: skip
def test_weights_that_are_not_beside_the_file_are_refused(
    change: Callable[[Path], None], said: str, beside: Path
) -> None:
    change(beside)
    with pytest.raises(BuildError, match=re.escape(said)):
        load_onnx(beside)


def test_a_link_beside_the_file_is_not_followed(beside: Path, tmp_path: Path) -> None:
    data = beside.with_name("dim.onnx.data")
    (tmp_path / "elsewhere").mkdir()
    data.rename(tmp_path / "elsewhere" / "data")
    data.symlink_to(tmp_path / "elsewhere" / "data")
    with pytest.raises(BuildError, match="is not beside the ONNX file"):
        load_onnx(beside)
