"""Which part of csrc includes which: each only what is below it.

    python -m tools.layers         # one line for each include that breaks the order
    python -m tools.layers FOLDER  # of another tree

Exit code 1 where there are any, or where there was nothing to look at.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
CPU = ("cpu/kernels", "cpu/layers", "cpu/ops", "cpu")

# Bottom to top: a folder, or a file without its ending, and what it may include beside itself.
FLOORS: dict[str, tuple[str, ...]] = {
    "base": (),
    "core": ("base",),
    "cpu/kernels": ("base",),
    "cpu/layers": ("base", "core", "cpu/kernels"),
    "cpu/ops": ("base", "core", "cpu/kernels", "cpu/layers"),
    "cpu": ("base", "core", "cpu/kernels", "cpu/layers", "cpu/ops"),
    "cuda": ("base", "core"),
    "tensorrt": ("base", "core", "cuda"),
    "backends": ("base", "core", *CPU, "tensorrt"),
    "bindings": ("base", "core", *CPU, "tensorrt", "backends"),
    "testing": ("base", "core", *CPU, "cuda", "bindings"),
}
# Headers from elsewhere that only these may include.
FOREIGN: dict[str, tuple[str, ...]] = {
    "Python.h": ("bindings", "testing"),
    "pybind11/": ("bindings", "testing"),
    "cuda": ("cuda", "tensorrt"),
    "Nv": ("tensorrt",),
}
SOURCES = {".h", ".cc", ".cu", ".cuh"}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def floor_of(path: PurePosixPath) -> str | None:
    """Of a file named from csrc on, in the innermost folder that the table has."""
    if len(path.parts) == 1:
        return path.stem if path.stem in FLOORS else None
    return next((name for name in map(str, path.parents) if name in FLOORS), None)


def broken_rule(floor: str, is_quoted: bool, included: str, is_here: bool) -> str | None:
    """What is wrong with an include; `is_here`: csrc has such a file."""
    if not is_here:
        if is_quoted:
            return "which is no file of csrc; the name begins below csrc, and others' headers stand in <>"
        allowed = next((floors for prefix, floors in FOREIGN.items() if included.startswith(prefix)), (floor,))
        return None if floor in allowed else f"which only csrc/{' and csrc/'.join(allowed)} may include"
    if floor_of(PurePosixPath(included)) in (floor, *FLOORS[floor]):
        return None
    return f"and csrc/{floor} may include only {', '.join((*FLOORS[floor], 'itself'))}"


def violations(csrc: Path, files: list[Path]) -> Iterator[str]:
    """A line for each include that breaks the order, and for each file that has no place in it."""
    for file in files:
        path = PurePosixPath(file.relative_to(csrc).as_posix())
        floor = floor_of(path)
        if floor is None:
            yield f"csrc/{path}:1: has no floor; give its folder a row in FLOORS of tools/layers.py"
            continue
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if (match := INCLUDE.match(line)) is None:
                continue
            problem = broken_rule(floor, match[1] == '"', match[2], (csrc / match[2]).is_file())
            if problem is not None:
                yield f"csrc/{path}:{number}: includes {match[2]}, {problem}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, help="that csrc is in; default: this one")
    csrc: Path = parser.parse_args(arguments).folder / "csrc"
    files = sorted(path for path in csrc.rglob("*") if path.suffix in SOURCES)
    if not files:
        print(f"{csrc}: has no C++ files to look at")
        return 1
    found = list(violations(csrc, files))
    print(*found, f"layers: {len(files)} files, {len(found)} includes of what is not below", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
