"""The names of tensors without what programs put in front of all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

MAX_LEVELS = 8
T = TypeVar("T")


def strip_prefix(tensors: Mapping[str, T], known: Collection[str]) -> tuple[dict[str, T], str]:
    """The tensors without the prefix that all names share, `module.module.`, `model.`, and that prefix.

    Of the levels of a shared prefix as many are taken away as bring most names among `known`: some networks have one
    of their own.
    """
    levels = [name.split(".")[:-1] for name in tensors]
    prefixes = [""]
    for parts in list(zip(*levels, strict=False))[:MAX_LEVELS]:
        if len(set(parts)) > 1:
            break
        prefixes.append(f"{prefixes[-1]}{parts[0]}.")

    def recognized(prefix: str) -> int:
        return sum(name.removeprefix(prefix) in known for name in tensors)

    prefix = max(prefixes, key=recognized)  # of several the shortest
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}, prefix
