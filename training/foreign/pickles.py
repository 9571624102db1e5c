"""A pickle -> plain values, without importing or calling anything that it names.

Dictionaries, lists, numbers and texts come out as they are. Where the pickle asks for a class or a function, a `Global`
stands, and where it asks for one to be called, an `Inert` object that only remembers the state it was given. What may
be rebuilt (tensors) is up to `Rebuild` functions of the caller. Python's own unpickler is no base for this: it reserves
what a file claims to need, and overflows the stack on tuples nested deeply enough.
"""

from __future__ import annotations

import ast
import mmap
from collections.abc import Callable, Mapping
from typing import Any

from training.foreign.machine import Global, Inert, Machine, MalformedError, Rebuild

MAX_DIGITS = 1000


def read_pickle(
    data: bytes | mmap.mmap,
    start: int = 0,
    *,
    rebuild: Mapping[str, Rebuild] | None = None,
    persistent: Callable[[Any], Any] | None = None,
) -> tuple[Any, int]:
    """The value of the pickle that begins at `start`, and where it ends.

    Args:
        data: the file, or the part of it that holds the pickle.
        start: bytes to skip.
        rebuild: what to do with the arguments of a call, by the path of what is called; else it becomes an Inert.
        persistent: gives the value of a persistent id; without it there may be none.

    Raises:
        MalformedError: the bytes are no whole pickle, or ask for too much.
        SuspiciousError: it names something that runs programs.
    """
    machine = Machine(data, start, rebuild or {}, persistent)
    return machine.run(OPERATIONS), machine.at


def _text(raw: bytes | None, encoding: str) -> Any:
    return Inert("builtins.str") if raw is None else raw.decode(encoding, "replace")


def _bytes(raw: bytes | None) -> Any:
    return Inert("builtins.bytes") if raw is None else raw


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise MalformedError(f"has a number of more than {MAX_DIGITS} digits")
    if text in ("00", "01"):  # how old protocols write False and True
        return text == "01"
    try:
        return int(text.removesuffix("L"))
    except ValueError as error:
        raise MalformedError(f"{text[:20]!r} is no whole number") from error


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise MalformedError(f"{text[:20]!r} is no number") from error


def _quoted(text: str) -> str:
    """A text as Python 2's repr writes it."""
    try:
        value = ast.literal_eval(f"b{text}" if text[:1] in "'\"" else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise MalformedError("has a text without quotes") from error
    if not isinstance(value, bytes):
        raise MalformedError("has a text without quotes")
    return value.decode("latin1")


def _long(raw: bytes | None) -> int:
    if raw is None or len(raw) > MAX_DIGITS:
        raise MalformedError(f"has a number of more than {MAX_DIGITS} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _unsupported(machine: Machine) -> None:
    raise MalformedError("keeps data outside of the file")


_Step = Callable[[Machine], Any]
_NUMBERS: dict[bytes, _Step] = {
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"G": lambda m: m.push(m.number(">d")),
    b"\x8a": lambda m: m.push(_long(m.sized("<B"))),
    b"\x8b": lambda m: m.push(_long(m.sized("<i"))),
    b"I": lambda m: m.push(_integer(m.line())),
    b"L": lambda m: m.push(_integer(m.line())),
    b"F": lambda m: m.push(_float(m.line())),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
}
_TEXTS: dict[bytes, _Step] = {  # those of Python 2 are bytes: latin1 takes any
    b"U": lambda m: m.push(_text(m.sized("<B"), "latin1")),
    b"T": lambda m: m.push(_text(m.sized("<i"), "latin1")),
    b"S": lambda m: m.push(_quoted(m.line())),
    b"V": lambda m: m.push(m.line("raw_unicode_escape")),
    b"X": lambda m: m.push(_text(m.sized("<I"), "utf-8")),
    b"\x8c": lambda m: m.push(_text(m.sized("<B"), "utf-8")),
    b"\x8d": lambda m: m.push(_text(m.sized("<Q"), "utf-8")),
    b"B": lambda m: m.push(_bytes(m.sized("<I"))),
    b"C": lambda m: m.push(_bytes(m.sized("<B"))),
    b"\x8e": lambda m: m.push(_bytes(m.sized("<Q"))),
    b"\x96": lambda m: m.push(_bytes(m.sized("<Q"))),
}
_CONTAINERS: dict[bytes, _Step] = {
    b"]": lambda m: m.push([]),
    b"}": lambda m: m.push({}),
    b")": lambda m: m.push(()),
    b"\x8f": lambda m: m.push(Inert("builtins.set")),
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": Machine.drop,
    b"1": Machine.drop_mark,
    b"2": lambda m: m.push(m.top()),
    b"t": lambda m: m.push(tuple(m.since_mark())),
    b"\x85": lambda m: m.put_tuple(1),
    b"\x86": lambda m: m.put_tuple(2),
    b"\x87": lambda m: m.put_tuple(3),
    b"l": lambda m: m.push(m.since_mark()),
    b"d": Machine.put_dict,
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.since_mark()),
    b"s": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.set_items(m.since_mark()),
    b"\x90": lambda m: m.append(m.since_mark()),
    b"\x91": Machine.put_frozenset,
}
_MEMO: dict[bytes, _Step] = {
    b"p": lambda m: m.remember(_integer(m.line())),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.recall(_integer(m.line())),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
}
_OBJECTS: dict[bytes, _Step] = {
    b"c": lambda m: m.push_global(f"{m.line()}.{m.line()}"),
    b"\x93": Machine.push_stack_global,
    b"R": lambda m: m.new(0),
    b"\x81": lambda m: m.new(0),
    b"\x92": lambda m: m.new(1),
    b"o": Machine.push_obj,
    b"i": Machine.push_inst,
    b"b": Machine.build,
    b"\x82": lambda m: m.push(Global(f"extension {m.number('<B')}")),
    b"\x83": lambda m: m.push(Global(f"extension {m.number('<H')}")),
    b"\x84": lambda m: m.push(Global(f"extension {m.number('<I')}")),
    b"P": lambda m: m.push_persistent(m.line()),
    b"Q": lambda m: m.push_persistent(m.pop()),
    b"\x80": lambda m: m.take(1),  # the protocol
    b"\x95": lambda m: m.take(8),  # the size of a frame
    b"\x97": _unsupported,
    b"\x98": _unsupported,
}
_TABLES = (_NUMBERS, _TEXTS, _CONTAINERS, _MEMO, _OBJECTS)
OPERATIONS: dict[int, _Step] = {code[0]: step for table in _TABLES for code, step in table.items()}
