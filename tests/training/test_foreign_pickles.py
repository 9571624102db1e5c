"""The reader of pickles gives what pickle gives, for plain values of every protocol."""

from __future__ import annotations

import pickle
import pickletools
import random
from typing import Any

import pytest

from training.foreign.machine import Inert, MalformedError
from training.foreign.pickles import OPERATIONS, read_pickle

VALUES: dict[str, Any] = {
    "numbers": [
        0,
        1,
        -1,
        255,
        256,
        65_535,
        65_536,
        -(2**31),
        2**31,
        2**70,
        -(2**70),
        0.0,
        -1.5,
        1e300,
        True,
        False,
        None,
    ],
    "texts": ["", "é", "\u1234", "a\nb", "\\n", "x" * 300, "'\""],
    "containers": [[], {}, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[]], {"a": {"b": [1]}}, {1: 2, None: 3}],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", VALUES)
def test_plain_values_are_what_pickle_gives(name: str, protocol: int) -> None:
    data = pickle.dumps(VALUES[name], protocol)
    value, end = read_pickle(b"before" + data + b"after", start=6)
    assert value == pickle.loads(data) == VALUES[name]
    assert [type(item) for item in value] == [type(item) for item in VALUES[name]]
    assert end == 6 + len(data)


def test_values_that_are_used_twice_are_one() -> None:
    shared: list[int] = []
    (first, second), _ = read_pickle(pickle.dumps((shared, shared)))
    assert first is second


def test_bytes_come_with_the_protocols_that_have_them() -> None:
    assert read_pickle(pickle.dumps([b"", b"\xff", bytearray(b"a")], 5))[0] == [b"", b"\xff", b"a"]


def test_python_2_wrote_texts_as_bytes() -> None:
    assert read_pickle(b"(S'a\\xe9'\nU\x02b\xe9T\x01\x00\x00\x00ct.")[0] == ("aé", "bé", "c")


def test_every_operation_is_known() -> None:
    assert set(OPERATIONS) | {ord(".")} == {ord(operation.code) for operation in pickletools.opcodes}


def test_objects_become_placeholders_with_their_state() -> None:
    generator = random.Random(0)
    value, _ = read_pickle(pickle.dumps(generator, 4))
    assert isinstance(value, Inert)
    assert value.kind == "random.Random"
    assert value.state == generator.getstate()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends in the middle"),
        (b"X\xff\x00\x00\x00a", "ends in the middle"),
        (b"I12", "middle of a line"),
        (b"Iabc\n.", "no whole number"),
        (b"Fabc\n.", "no number"),
        (b"Sabc\n.", "without quotes"),
        (b".", "empty stack"),
        (b"(0.", "empty stack"),
        (b"t.", "no mark"),
        (b"h\x00.", "never stored"),
        (b"}(Nu.", "key without a value"),
        (b"NNNs.", "no dictionary"),
        (b"NNa.", "no list"),
        (b"N)R.", "calls what is no class"),
        (b"NN\x93.", "something else than texts"),
        (b"NQ.", "another file"),
        (b"\x97.", "outside of the file"),
        (b"\xff.", "no operation"),
    ],
)
def test_what_is_no_pickle_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_pickle(data)
