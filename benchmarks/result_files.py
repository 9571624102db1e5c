"""The records in benchmarks/results: one file for each step of `benchmarks.suite`, the machine in its name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.json_fields import FieldError, from_json
from benchmarks.measure import ROOT
from benchmarks.steps import KINDS, STEPS

RESULTS = ROOT / "benchmarks/results"
KIND_OF_STEP = {step.name: KINDS[step.module] for step in STEPS}
R = TypeVar("R")


@dataclass(frozen=True)
class Results:
    """The records of one machine, by step. `folder`: where they, and those of other machines, come from."""

    steps: Mapping[str, Sequence[Any]]
    folder: Path

    def of(self, kind: type[R], step: str) -> Sequence[R]:
        """Of a step that writes records of this kind; empty where it was not measured."""
        if KIND_OF_STEP[step] is not kind:
            raise TypeError(f"{step} has records of {KIND_OF_STEP[step].__name__}, not of {kind.__name__}")
        return self.steps.get(step, ())

    def of_machine(self, machine: str) -> Results:
        """Those of another machine."""
        return read_results(self.folder, machine)

    def __contains__(self, step: str) -> bool:
        return step in self.steps


def result_file(folder: Path, machine: str, step: str) -> Path:
    return folder / f"{machine}_{step}.json"


def read_results(folder: Path, machine: str) -> Results:
    """What there is of this machine. Raises FieldError where a file does not hold what its step writes."""
    paths = sorted(folder.glob(f"{machine}_*.json"))
    return Results({path.stem.removeprefix(f"{machine}_"): read_records(path, machine) for path in paths}, folder)


def read_records(path: Path, machine: str) -> list[Any]:
    step = path.stem.removeprefix(f"{machine}_")
    if step not in KIND_OF_STEP:
        raise FieldError(f"{path.name}: expected the name of a step after {machine}_, got {step!r}")
    try:
        rows = json.loads(path.read_bytes())
    except ValueError as fault:
        raise FieldError(f"{path.name}: expected JSON, got what has an error: {fault}") from None
    if not isinstance(rows, list) or not rows:
        raise FieldError(f"{path.name}: expected a list of records, got {'none' if rows == [] else 'something else'}")
    kind = KIND_OF_STEP[step]
    return [from_json(kind, row, f"{path.name}, record {number}") for number, row in enumerate(rows, 1)]


def machines(folder: Path) -> list[str]:
    return sorted({path.stem.rpartition("_")[0] for path in folder.glob("*_*.json")})
