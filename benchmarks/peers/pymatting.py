"""Matting without a network: pymatting's."""

from __future__ import annotations

import functools
import importlib

from benchmarks.peers.peer import Contender, Files, Peer, known, missing

CLOSED_FORM, KNN = "pymatting-cf", "pymatting-knn"
TITLES = {CLOSED_FORM: "pymatting, closed-form", KNN: "pymatting, KNN"}


def _load(name: str, files: Files, threads: int) -> Contender:
    """It takes its threads from the environment."""
    classical = importlib.import_module("training.classical").classical(name.removeprefix("pymatting-"))
    return Contender(name, lambda *given: given, lambda given: classical(*given), known)


PEERS = tuple(
    Peer(
        name=name,
        title=title,
        package="pymatting",
        precision="fp64",
        why_not=functools.partial(missing, "pymatting"),
        load=functools.partial(_load, name),
        is_network=False,
    )
    for name, title in TITLES.items()
)
