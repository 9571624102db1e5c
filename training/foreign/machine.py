"""The stack machine that a pickle is a program for, with objects that only stand there."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from training.foreign.suspicion import SuspiciousError, is_suspicious

MAX_OPERATIONS = 2_000_000  # a full-size network with Adam's state takes 10,000; each costs at most 100 bytes
MAX_BYTES = 1 << 16  # of one text; longer ones say nothing about weights and become placeholders
MAX_KEY = 1 << 31
Rebuild = Callable[[tuple[Any, ...]], Any]


class MalformedError(ValueError):
    """No pickle, a truncated one, or one that asks for what no pickle of a checkpoint does."""


@dataclass(frozen=True)
class Global:
    """A class or function that the pickle names, `torch.FloatStorage`; never looked up."""

    path: str


@dataclass(eq=False)
class Inert:
    """What stands for an object of `kind`; `state` is what the pickle would have it restored from."""

    kind: str
    state: Any = field(default=None, repr=False)


class Machine:
    """The stack machine that a pickle is a program for."""

    def __init__(
        self,
        data: bytes | mmap.mmap,
        start: int,
        rebuild: Mapping[str, Rebuild],
        persistent: Callable[[Any], Any] | None,
    ):
        self.data, self.at, self.rebuild, self.persistent = data, start, rebuild, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []  # where the stack ended when each mark was set
        self.memo: dict[int, Any] = {}

    def run(self, operations: Mapping[int, Callable[[Machine], Any]]) -> Any:
        """The value that is left at the end; `operations` by their code."""
        for _ in range(MAX_OPERATIONS):
            code = self.take(1)[0]
            if code == ord("."):
                return self.pop()
            step = operations.get(code)
            if step is None:
                raise MalformedError(f"byte {self.at - 1} is no operation of a pickle ({code:#04x})")
            step(self)
        raise MalformedError(f"takes more than {MAX_OPERATIONS} operations")

    # bytes

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if count < 0 or len(piece) < count:
            raise MalformedError("ends in the middle")
        self.at += count
        return piece

    def number(self, kind: str) -> Any:
        return struct.unpack(kind, self.take(struct.calcsize(kind)))[0]

    def line(self, encoding: str = "utf-8") -> str:
        end = self.data.find(b"\n", self.at, self.at + MAX_BYTES)
        if end < 0:
            raise MalformedError("ends in the middle of a line")
        return self.take(end + 1 - self.at)[:-1].decode(encoding, "replace")

    def sized(self, kind: str) -> bytes | None:
        """Bytes after their count; None if they are too many to be of use."""
        count = self.number(kind)
        if 0 <= count <= MAX_BYTES:
            return self.take(count)
        if count < 0 or self.at + count > len(self.data):
            raise MalformedError("ends in the middle of a text")
        self.at += count
        return None

    # the stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise MalformedError("takes from an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        self.push(value := self.pop())
        return value

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise MalformedError("has no mark")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise MalformedError("recalls what it never stored")
        self.push(self.memo[index])

    # objects

    def push_global(self, path: str) -> None:
        if is_suspicious(path):
            raise SuspiciousError(path)
        self.push(Global(path))

    def push_stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise MalformedError("names a class by something else than texts")
        self.push_global(f"{module}.{name}")

    def call(self, what: Any, arguments: Any) -> None:
        if not isinstance(what, Global) or not isinstance(arguments, (tuple, list)):
            raise MalformedError("calls what is no class or function")
        known = self.rebuild.get(what.path)
        self.push(known(tuple(arguments)) if known else Inert(what.path))

    def new(self, extra: int) -> None:
        """`extra` keyword arguments, a dictionary, are ignored."""
        for _ in range(extra):
            self.pop()
        arguments = self.pop()
        self.call(self.pop(), arguments)

    def push_obj(self) -> None:
        what, *arguments = self.since_mark() or [None]
        self.call(what, arguments)

    def push_inst(self) -> None:
        path = f"{self.line()}.{self.line()}"
        arguments = self.since_mark()
        self.push_global(path)
        self.call(self.pop(), arguments)

    def build(self) -> None:
        state = self.pop()
        if isinstance(target := self.top(), Inert):
            target.state = state

    def push_persistent(self, key: Any) -> None:
        if self.persistent is None:
            raise MalformedError("refers to what another file holds")
        self.push(self.persistent(key))

    # containers

    def append(self, values: list[Any]) -> None:
        if isinstance(target := self.top(), list):
            target.extend(values)
        elif not isinstance(target, Inert):
            raise MalformedError("appends to what is no list")

    def set_items(self, values: list[Any]) -> None:
        if isinstance(target := self.top(), dict):
            target.update(pairs(values))
        elif not isinstance(target, Inert):
            raise MalformedError("sets items of what is no dictionary")

    def put_dict(self) -> None:
        self.push(pairs(self.since_mark()))

    def put_tuple(self, count: int) -> None:
        self.push(tuple(reversed([self.pop() for _ in range(count)])))

    def put_frozenset(self) -> None:
        self.since_mark()
        self.push(Inert("builtins.frozenset"))

    def drop_mark(self) -> None:
        self.since_mark()

    def drop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.pop()


def pairs(values: list[Any]) -> dict[Any, Any]:
    """Keys and values in turn, as a dictionary. What cannot be a key is kept under a placeholder."""
    if len(values) % 2:
        raise MalformedError("has a key without a value")
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))


def _key(value: Any) -> Any:
    """Hashes of nested tuples overflow the stack, and large numbers can be chosen so that they all collide."""
    if isinstance(value, (str, bytes)) or value is None or (isinstance(value, int) and abs(value) < MAX_KEY):
        return value
    return Inert(type(value).__name__)
