"""Which branches of the plan reader the corpus reaches, by clang's source-based coverage."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clang import ROOT, build, llvm_tool

READER = (
    "csrc/core/plan.cc",
    "csrc/core/preprocessing.cc",
    "csrc/base/json.cc",
    "csrc/base/json_parser.cc",
    "csrc/cpu/program.cc",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc" / "cpu" / "ops").iterdir()),
)


@dataclass(frozen=True)
class Missed:
    """A branch that never went one way."""

    file: str
    line: int
    text: str
    never: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: never {self.never}: {self.text}"


def measure(corpora: dict[str, list[Path]]) -> tuple[list[str], list[Missed]]:
    """Lines of a table, and the branches that were missed, when each target runs its corpora once."""
    folder = build("coverage")
    profiles = []
    for target, inputs in corpora.items():
        profile = folder / f"{target}.profraw"
        subprocess.run(
            [folder / f"fuzz_{target}", "-runs=0", *inputs],
            env={**os.environ, "LLVM_PROFILE_FILE": str(profile)},
            stderr=subprocess.DEVNULL,
            check=True,
        )
        profiles.append(profile)
    merged = folder / "merged.profdata"
    subprocess.run([llvm_tool("llvm-profdata"), "merge", "-sparse", "-o", merged, *profiles], check=True)
    binaries = [folder / f"fuzz_{target}" for target in corpora]
    objects = [str(binaries[0]), *(f"--object={binary}" for binary in binaries[1:])]
    command = [llvm_tool("llvm-cov"), "export", f"--instr-profile={merged}", *objects]
    sources = [str(ROOT / name) for name in READER]
    report = json.loads(subprocess.run([*command, *sources], capture_output=True, check=True).stdout)
    return _summarize({Path(file["filename"]): file for file in report["data"][0]["files"]})


def _summarize(files: dict[Path, dict[str, Any]]) -> tuple[list[str], list[Missed]]:
    table, missed = [f"{'':24} {'lines':>12} {'branches':>12}"], []
    for name in READER:
        if name.endswith(".h") and ROOT / name not in files:  # holds no code
            continue
        file = files[ROOT / name]
        source = (ROOT / name).read_text().splitlines()
        ways = {}
        for line, column, end_line, end_column, true, false, *_ in file["branches"]:
            last = end_column - 1 if end_line == line else None
            place = (line, column, source[line - 1][column - 1 : last])
            for never, count in (("true", true), ("false", false)):
                ways[(*place, never)] = ways.get((*place, never), 0) + count
        gaps = [Missed(name, line, text, never) for (line, _, text, never), count in ways.items() if count == 0]
        lines = file["summary"]["lines"]
        reached = len(ways) - len(gaps)
        table.append(f"{name:24} {lines['covered']:>5} of {lines['count']:<4} {reached:>5} of {len(ways):<4}")
        missed += gaps
    return table, missed
