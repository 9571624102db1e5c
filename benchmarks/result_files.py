"""The records in benchmarks/results: one file for each step of `benchmarks.suite`, the machine in its name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT

RESULTS = ROOT / "benchmarks/results"
Record = dict[str, Any]
Results = Mapping[str, Sequence[Record]]  # by step


def result_file(folder: Path, machine: str, step: str) -> Path:
    return folder / f"{machine}_{step}.json"


def read_results(folder: Path, machine: str) -> dict[str, list[Record]]:
    """What there is of this machine, by step."""
    return {
        path.stem.removeprefix(f"{machine}_"): json.loads(path.read_bytes())
        for path in sorted(folder.glob(f"{machine}_*.json"))
    }


def machines(folder: Path) -> list[str]:
    return sorted({path.stem.rpartition("_")[0] for path in folder.glob("*_*.json")})
