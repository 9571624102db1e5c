"""Seeds of pictures on which no argmax hangs on rounding: searched once and kept in seeds.json.

    python -m tests.support.seeds --search    # writes the table: after a change of networks or pictures
    python -m tests.support.seeds             # measures every margin of the table again

Why such pictures are needed says tests/support/networks.py. A module with cases of its own lists them as SEED_CASES.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from torch import Tensor

from tests.support.networks import tie_margin
from training.model import DeepImageMatting

TABLE = Path(__file__).with_name("seeds.json")
MODULES = (
    "tests.engine.test_engine",
    "tests.engine.test_numerics",
    "tests.graph.test_tensorrt",
    "tests.support.gpu",
    "tests.training.test_foreign_repositories",
)
MOST = 200  # seeds that are tried


@dataclass(frozen=True)
class SeedCase:
    key: str
    min_margin: float
    attempt: Callable[[int], tuple[DeepImageMatting, list[Tensor]]]  # a network and its inputs, of a seed

    def margin(self, seed: int) -> float:
        model, inputs = self.attempt(seed)
        return min(tie_margin(model, x) for x in inputs)


def seed_of(key: str) -> int:
    """From the table."""
    return int(read_table()[key]["seed"])


def read_table() -> dict[str, dict[str, float]]:
    """By key: the seed, and its margin when it was found."""
    table: dict[str, dict[str, float]] = json.loads(TABLE.read_text())
    return table


def all_cases() -> dict[str, SeedCase]:
    return {case.key: case for module in MODULES for case in import_module(module).SEED_CASES}


def search(cases: dict[str, SeedCase]) -> None:
    """Of each case the seed that the table has, if its margin is wide enough, or else the first that is."""
    lines, before = [], read_table() if TABLE.exists() else {}
    for key, case in sorted(cases.items()):
        seeds = dict.fromkeys([int(before[key]["seed"]) if key in before else 0, *range(MOST)])
        margins = ((seed, case.margin(seed)) for seed in seeds)
        seed, margin = next(((seed, margin) for seed, margin in margins if margin > case.min_margin), (None, 0.0))
        if seed is None:
            sys.exit(f"{key}: none of {MOST} seeds has a margin above {case.min_margin}")
        print(f"{key}: {seed}, {margin:.1e}", flush=True)
        lines.append(f'  {json.dumps(key)}: {{"seed": {seed}, "margin": {margin:.1e}}}')
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check(cases: dict[str, SeedCase]) -> list[str]:
    """Of which cases the margin does not hold."""
    narrow = []
    for key, case in sorted(cases.items()):
        margin = case.margin(seed_of(key))
        print(f"{key}: {seed_of(key)}, {margin:.1e}", flush=True)
        narrow += [key] * (margin <= case.min_margin)
    return narrow


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests.support.seeds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--search", action="store_true", help="look for seeds and write the table")
    args = parser.parse_args()
    cases = all_cases()
    if args.search:
        search(cases)
        return 0
    if narrow := check(cases):
        print(f"rounding could decide: {', '.join(narrow)}; run python -m tests.support.seeds --search")
    return bool(narrow)


if __name__ == "__main__":
    sys.exit(main())
