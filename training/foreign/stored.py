"""Tensors as pickles of torch.save name them, whose numbers are read when they are asked for."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.foreign.machine import Global, MalformedError, Rebuild, pairs

MAX_DIMENSIONS = 8
DTYPES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "Untyped": torch.uint8,
}  # fmt: skip
BY_NAME = {str(dtype): dtype for dtype in DTYPES.values()}  # torch.float32 and so on


@dataclass(frozen=True)
class Storage:
    """Numbers in a row that tensors look into: `count` of them from `first` on, of those that the file has by `key`."""

    key: str
    dtype: torch.dtype
    count: int
    first: int = 0


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in an open archive, whose numbers `load` reads."""

    archive: Archive
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def load(self) -> Tensor:
        """Its own copy; raises MalformedError where the file is damaged."""
        values = self.archive.values(self.storage)
        return values.as_strided(self.shape, self.strides, self.offset).clone()


class Archive(ABC):
    """An open file of torch.save."""

    def __init__(self) -> None:
        self.cache: dict[tuple[str, torch.dtype], Tensor] = {}
        self.rebuild: dict[str, Rebuild] = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_dtype,
            "torch._utils._rebuild_parameter": lambda arguments: _at(arguments, 0),
            "torch._utils._rebuild_parameter_with_state": lambda arguments: _at(arguments, 0),
            "torch._tensor._rebuild_from_type_v2": self._of_type,
            "torch.Size": lambda arguments: tuple(_at(arguments, 0)) if arguments else (),
            "collections.OrderedDict": _dictionary,
            "collections.defaultdict": lambda _arguments: {},
            "collections.Counter": _dictionary,
        }

    @abstractmethod
    def content(self) -> Any:
        """What was saved."""

    @abstractmethod
    def raw(self, key: str) -> tuple[bytes, str]:
        """The bytes of a storage and their order."""

    def values(self, storage: Storage) -> Tensor:
        """All numbers that the file has by the storage's key, one-dimensional."""
        if (place := (storage.key, storage.dtype)) not in self.cache:
            raw, order = self.raw(storage.key)
            width = storage.dtype.itemsize
            array = np.frombuffer(raw, f"u{width}", len(raw) // width)
            array = array.byteswap() if order != sys.byteorder else array.copy()
            self.cache[place] = torch.from_numpy(array.view(np.uint8)).view(storage.dtype)
        return self.cache[place]

    # what a pickle asks for

    def persistent(self, identity: Any) -> Any:
        if isinstance(identity, tuple) and identity[:1] == ("module",) and len(identity) > 1:
            return identity[1]  # the class of a module, before its source
        if not isinstance(identity, tuple) or identity[:1] != ("storage",) or not 5 <= len(identity) <= 6:
            raise MalformedError("refers to what is no storage")
        _, kind, key, _, count, *view = identity
        name = kind.path.rpartition(".")[2] if isinstance(kind, Global) else ""
        if not name.endswith("Storage") or (dtype := DTYPES.get(name.removesuffix("Storage"))) is None:
            raise MalformedError(f"has numbers of an unknown kind ({name or 'nothing'})")
        storage = Storage(str(key), dtype, _natural(count))
        self.check(storage)
        if not view or view[0] is None:
            return storage
        if not isinstance(view[0], tuple) or len(view[0]) != 3:
            raise MalformedError("has a view of a storage without its place")
        first, size = (_natural(number) for number in view[0][1:])
        if first + size > storage.count:
            raise MalformedError("has a view that ends outside of its storage")
        return Storage(storage.key, dtype, size, first)

    @abstractmethod
    def check(self, storage: Storage) -> None:
        """Raises MalformedError where the file cannot hold it."""

    def _tensor(self, arguments: tuple[Any, ...], dtype: torch.dtype | None = None) -> StoredTensor:
        storage, offset, shape, strides = (_at(arguments, place) for place in range(4))
        if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise MalformedError("has a tensor without a storage")
        if dtype is not None and storage.dtype == torch.uint8:
            width = dtype.itemsize
            storage = Storage(storage.key, dtype, storage.count // width, storage.first // width)
        sizes, steps = ([_natural(number) for number in numbers] for numbers in (shape, strides))
        if len(sizes) != len(steps) or len(sizes) > MAX_DIMENSIONS:
            raise MalformedError("has a tensor without a shape")
        last = _natural(offset) + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        if math.prod(sizes) > storage.count or (0 not in sizes and last >= storage.count):
            raise MalformedError("has a tensor that is larger than its storage")
        if 0 in sizes:
            offset, steps = 0, [0] * len(sizes)
        return StoredTensor(self, storage, storage.first + offset, tuple(sizes), tuple(steps))

    def _tensor_of_dtype(self, arguments: tuple[Any, ...]) -> StoredTensor:
        named = _at(arguments, 6)
        dtype = BY_NAME.get(named.path) if isinstance(named, Global) else None
        if dtype is None:
            raise MalformedError("has a tensor of an unknown type")
        return self._tensor(arguments, dtype)

    def _of_type(self, arguments: tuple[Any, ...]) -> Any:
        function, inner = _at(arguments, 0), _at(arguments, 2)
        known = self.rebuild.get(function.path) if isinstance(function, Global) else None
        if known is None or known == self._of_type or not isinstance(inner, tuple):
            raise MalformedError("has a tensor of an unknown kind")
        return known(inner)


def _at(arguments: tuple[Any, ...], place: int) -> Any:
    if len(arguments) <= place:
        raise MalformedError("rebuilds something from too little")
    return arguments[place]


def _natural(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise MalformedError("has a size that is no size")
    return value


def _dictionary(arguments: tuple[Any, ...]) -> Any:
    """Python 2 gives a list of pairs, newer ones set the items afterwards."""
    items = arguments[0] if arguments else ()
    if isinstance(items, dict):
        return dict(items)
    if not isinstance(items, (list, tuple)) or not all(isinstance(i, (list, tuple)) and len(i) == 2 for i in items):
        raise MalformedError("has a dictionary of what are no pairs")
    return pairs([part for item in items for part in item])
