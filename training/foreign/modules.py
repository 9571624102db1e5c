"""A pickled torch.nn.Module -> its state dictionary, from what stands in the file; no class of it is needed."""

from __future__ import annotations

from typing import Any

from training.foreign.machine import Inert, MalformedError

MAX_PARTS = 10_000  # modules and tensors; a module may be used in several places, and a file may claim any number
MAX_NAME = 1000
FIELDS = ("_parameters", "_buffers")


def state_dict_of(root: Inert) -> dict[str, Any]:
    """Parameters and buffers by their names, as `state_dict()` gives them; empty where `root` is no module."""
    tensors: dict[str, Any] = {}
    pending = [("", root)]
    for _ in range(MAX_PARTS):
        if not pending:
            return tensors
        prefix, module = pending.pop()
        state = module.state if isinstance(module, Inert) else None
        if not isinstance(state, dict) or not isinstance(state.get("_modules"), dict):
            continue
        for field in FIELDS:
            named = state.get(field)
            values = named.items() if isinstance(named, dict) else ()
            tensors |= {f"{prefix}{name}": value for name, value in values if value is not None}
        children = [(f"{prefix}{name}.", child) for name, child in state["_modules"].items() if child is not None]
        pending += reversed(children)
        if len(pending) + len(tensors) > MAX_PARTS or len(prefix) > MAX_NAME:
            break
    raise MalformedError(f"has a module of more than {MAX_PARTS} parts")
