"""Checkpoints with changes anywhere: CheckpointError in one line, or the weights; and nothing is run."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.checkpoints import CheckpointError
from training.foreign.importing import import_checkpoint
from training.foreign.layouts import MMAGIC
from training.foreign.pickles import OPERATIONS
from training.model import DeepImageMatting, ModelConfig

MODEL = DeepImageMatting(ModelConfig(width=1 / 64, refine=False))
TENSORS = {
    f"{name}.{part}": getattr(getattr(MODEL, layer).conv, part).detach()
    for layer, name in MMAGIC.convs.items()
    for part in ("weight", "bias")
}


def saved(legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"epoch": 1, "state_dict": TENSORS}, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def parts() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(saved(legacy=False))) as file:
        return {name: file.read(name) for name in file.namelist()}


FILES = {"zip": saved(legacy=False), "legacy": saved(legacy=True)}
PARTS = parts()
PICKLE = next(name for name in PARTS if name.endswith("/data.pkl"))


def outcome(folder: Path, data: bytes) -> bool:
    """Whether it was taken, with weights that are finite."""
    path = folder / "weights.pth"
    path.write_bytes(data)
    said = ""
    try:
        imported = import_checkpoint(path)
    except CheckpointError as error:
        said = str(error)
    if said:
        assert said.startswith(f"{path}: ")
        assert "\n" not in said
        return False
    assert all(torch.isfinite(tensor).all() for tensor in imported.model.state_dict().values())
    return True


def changed(draw: Any, data: bytes) -> bytes:
    """Bytes replaced, inserted, left out or moved."""
    result = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(result)))
        piece = draw(st.one_of(st.binary(max_size=9), st.sampled_from([*map(bytes, zip(OPERATIONS))])))
        kind = draw(st.sampled_from(["replace", "insert", "drop", "copy", "cut"]))
        if kind == "replace":
            result[at : at + len(piece)] = piece
        elif kind == "insert":
            result[at:at] = piece
        elif kind == "drop":
            del result[at : at + draw(st.integers(1, 64))]
        elif kind == "copy":
            start = draw(st.integers(0, len(result)))
            result[at:at] = result[start : start + draw(st.integers(1, 64))]
        else:
            del result[at:]
    return bytes(result)


@st.composite
def changed_files(draw: Any) -> bytes:
    return changed(draw, FILES[draw(st.sampled_from([*FILES]))])


@st.composite
def changed_pickles(draw: Any) -> bytes:
    """With checksums that are right, so that what is behind them is reached."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in PARTS.items():
            file.writestr(name, changed(draw, data) if name == PICKLE else data)
    return buffer.getvalue()


ARGUMENT = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"posix\nsystem\n", b"torch._utils\n_rebuild_tensor_v2\n", b"torch\nFloatStorage\n", b"a\nb\n"]),
    st.integers(0, 2**64 - 1).map(lambda number: struct.pack("<Q", number)),
    st.just(b"\x07\x00\x00\x00storage"),
)


@st.composite
def programs(draw: Any) -> bytes:
    """Operations of pickles at random."""
    steps = draw(st.lists(st.tuples(st.sampled_from([*OPERATIONS]), ARGUMENT, st.booleans()), max_size=60))
    program = b"".join(bytes([code]) + (argument if has else b"") for code, argument, has in steps)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/data.pkl", b"\x80\x02" + program + b".")
        file.writestr("a/data/0", bytes(64))
    return buffer.getvalue()


@pytest.mark.parametrize("form", FILES)
def test_as_they_are_they_are_taken(form: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, FILES[form])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(data=changed_files())
def test_a_changed_file_is_refused_or_read(tmp_path_factory: Any, data: bytes) -> None:
    outcome(tmp_path_factory.getbasetemp(), data)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(data=changed_pickles())
def test_a_changed_pickle_is_refused_or_read(tmp_path_factory: Any, data: bytes) -> None:
    outcome(tmp_path_factory.getbasetemp(), data)


@given(data=programs())
def test_any_pickle_is_refused(tmp_path_factory: Any, data: bytes) -> None:
    assert not outcome(tmp_path_factory.getbasetemp(), data)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path_factory: Any, place: float, bit: int) -> None:
    data = bytearray(FILES["zip"])
    data[int(place * len(data))] ^= 1 << bit
    if outcome(tmp_path_factory.getbasetemp(), bytes(data)):
        again = import_checkpoint(tmp_path_factory.getbasetemp() / "weights.pth").model.state_dict()
        assert all(torch.equal(tensor, again[name]) for name, tensor in MODEL.state_dict().items())
