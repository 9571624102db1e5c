"""ONNX files with changes anywhere: BuildError, or a plan that loads; nothing else comes out of build_plan."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

import dim_trt
from tests.support.leftovers import cast_like, halved, squeezed, with_norms
from tests.support.pictures import calibration_folder
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim

MODELS = [
    tiny_dim(),
    tiny_dim(skip=False, refine=False, output="clip"),
    with_norms(tiny_dim(), training_mode=1),
    squeezed(("Squeeze", [1]), before_sigmoid=True)(halved(cast_like(tiny_dim(skip=False)))),
]
INTEGERS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 5, 7, 64, 2**31, 2**63 - 1])
FLOATS = st.sampled_from([0.0, -1.0, 0.5, 1e-13, 1e30, 1e39, float("inf"), float("nan")])


def messages(message: Any) -> list[Any]:
    """The message and all below it, weights' raw bytes excepted."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                found += messages(part)
    return found


def mutate(model: Any, draw: Any) -> None:
    """One field of one message: removed, changed, doubled, moved, or taken from another message of the same kind."""
    everything = messages(model)
    message = draw(st.sampled_from(everything))
    fields = [field for field, _ in message.ListFields()] or list(message.DESCRIPTOR.fields)
    field = draw(st.sampled_from(fields))
    kind = draw(st.sampled_from(["clear", "set", "set", "set", "swap", "copy", "double"]))
    value = getattr(message, field.name)
    if kind == "clear":
        message.ClearField(field.name)
    elif kind == "copy":
        others = [other for other in everything if other.DESCRIPTOR.full_name == message.DESCRIPTOR.full_name]
        message.CopyFrom(copy.deepcopy(draw(st.sampled_from(others))))
    elif field.is_repeated and len(value):
        index = draw(st.integers(0, len(value) - 1))
        if kind == "double":
            value.append(copy.deepcopy(value[index]))
        elif kind == "swap" and field.message_type is not None:
            other = draw(st.integers(0, len(value) - 1))
            first, second = copy.deepcopy(value[index]), copy.deepcopy(value[other])
            value[index].CopyFrom(second)
            value[other].CopyFrom(first)
        elif field.message_type is None:
            value[index] = scalar(model, field, draw)
    elif field.message_type is None and not field.is_repeated:
        setattr(message, field.name, scalar(model, field, draw))


def scalar(model: Any, field: FieldDescriptor, draw: Any) -> Any:
    """A value of the field's type; names are those of other tensors, more often than not."""
    if field.enum_type is not None:
        return draw(st.sampled_from([value.number for value in field.enum_type.values]))
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return draw(FLOATS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.binary(max_size=16))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        names = [name for node in model.graph.node for name in (*node.input, *node.output, node.op_type)]
        return draw(st.one_of(st.sampled_from(sorted(set(names)) or [""]), st.text(max_size=4)))
    number = draw(INTEGERS)
    return max(-(2**31), min(number, 2**31 - 1)) if field.cpp_type == FieldDescriptor.CPPTYPE_INT32 else number


@st.composite
def changed_models(draw: Any) -> bytes:
    model = onnx.ModelProto()
    model.CopyFrom(draw(st.sampled_from(MODELS)))
    for _ in range(draw(st.integers(1, 4))):
        mutate(model, draw)
    return model.SerializeToString()  # type: ignore[no-any-return]


def outcome(folder: Path, data: bytes, precision: str = "fp32") -> str:
    """ "built", or the error's message."""
    (folder / "a.onnx").write_bytes(data)
    (folder / "a.plan").unlink(missing_ok=True)
    try:
        calibration = calibration_folder(folder) if precision == "int8" else None
        dim_trt.build_plan(
            folder / "a.onnx", folder / "a.plan", precision=precision, backend="cpu", calibration=calibration
        )
    except (dim_trt.BuildError, dim_trt.InvalidInput) as error:
        assert not (folder / "a.plan").exists()
        return str(error)
    dim_trt.Engine(folder / "a.plan")
    return "built"


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(data=changed_models(), precision=st.sampled_from(["fp32", "fp16", "int8"]))
def test_a_changed_graph_is_refused_or_built(tmp_path_factory: Any, data: bytes, precision: str) -> None:
    outcome(tmp_path_factory.getbasetemp(), data, precision)


@given(position=st.integers(0, 10**6), value=st.binary(min_size=1, max_size=4), cut=st.booleans())
def test_changed_bytes_are_refused_or_built(tmp_path_factory: Any, position: int, value: bytes, cut: bool) -> None:
    data = bytearray(MODELS[0].SerializeToString(deterministic=True))
    position %= len(data)
    data[position : position + len(value)] = value
    outcome(tmp_path_factory.getbasetemp(), bytes(data[: position + len(value)] if cut else data))


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 2000),
        FLOATS,
        st.text(max_size=4),
        st.just("\ud800"),
        st.just(10**400),
    ),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(st.text(max_size=4), below, max_size=3)),
    max_leaves=6,
)


@given(
    key=st.sampled_from(["preprocessing", "preprocessing", "model", "format_version", "licence", "origin"]),
    field=st.one_of(st.none(), st.sampled_from([*PREPROCESSING]), st.text(max_size=3)),
    value=JSON,
    raw=st.one_of(st.none(), st.text(max_size=9), st.just("[" * 40), st.just("[" * 10000)),
)
def test_any_metadata_is_refused_or_built(tmp_path_factory: Any, key: str, field: Any, value: Any, raw: Any) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(MODELS[0])
    for entry in model.metadata_props:
        if entry.key == f"dim_trt.{key}":
            before = json.loads(entry.value) if key in ("preprocessing", "model") else {}
            entry.value = raw if raw is not None else json.dumps(value if field is None else {**before, field: value})
    outcome(tmp_path_factory.getbasetemp(), model.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 64, b"DIMPLAN1", bytes(1 << 12)])
def test_no_onnx_is_refused(tmp_path: Path, data: bytes) -> None:
    assert outcome(tmp_path, data) != "built"
