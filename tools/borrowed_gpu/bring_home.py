"""What came home from the borrowed machine, put where it belongs.

    python -m tools.borrowed_gpu.bring_home results.tar.gz

Records go to benchmarks/results/gpu/MACHINE.json; the timing cache, the tables and the logs of what failed to
out/brought-home/MACHINE.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.records import About, Check, Failed, GpuRecord, NotMeasured, Session, Skipped, to_object
from benchmarks.gpu.session import read_records
from dim_trt.files import write_atomic
from tools.borrowed_gpu.make_builder import NO_DEVICE

ROOT = Path(__file__).parents[2]
KEPT = ("tensorrt.timing", "table.md", "layers.jsonl", "cuda_check.json", "builder.json")
LOGS = ("log.txt", "background.txt", "unpack.txt")


def builder_record(results: Path) -> GpuRecord:
    """What the program that makes a builder found, as a record like the others."""
    path = results / "builder.json"
    if not path.exists():
        return Failed(about=About(), step="builder", reason="it was never asked for one")
    problem = json.loads(path.read_text())["problem"]
    if problem == NO_DEVICE:
        return Skipped(about=About(), step="builder", reason=problem)
    if problem:
        return Failed(about=About(), step="builder", reason=problem)
    return Check(step="builder", exit_code=0, seconds=0.0, report=path.name, output=path.name)


def machine_of(records: Sequence[GpuRecord]) -> str:
    """The GPU's name as a file has it; "no-gpu" where there was none."""
    names = [row.made.machine.gpu for row in records if isinstance(row, Session)]
    if not names:
        raise SystemExit("error: records.jsonl has no record of the machine: benchmarks.gpu was not started")
    name = names[-1]
    return "no-gpu" if name == "none" else re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def failures(records: Sequence[GpuRecord]) -> list[str]:
    """What failed or found something wrong, a line each."""
    lines = [f"{row.step}: {row.reason}" for row in records if isinstance(row, Failed)]
    checks = [row for row in records if isinstance(row, Check) and row.exit_code]
    return lines + [f"{row.step}: exit code {row.exit_code}, see {row.output}" for row in checks]


def bring(results: Path, to: Path, keep: Path) -> Path:
    """Returns the file with the records."""
    measured = read_records(results / "records.jsonl")
    records = [*measured[:1], builder_record(results), *measured[1:]]
    machine, failed = machine_of(records), failures(records)
    outputs = [row.output for row in records if isinstance(row, Check) and row.exit_code]
    folder, target = keep / machine, to / "gpu" / f"{machine}.json"
    folder.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    for name in {*KEPT, *outputs, *(LOGS if failed else ())}:
        if (results / name).exists():
            shutil.copy2(results / name, folder / name)
    text = json.dumps([to_object(record) for record in records], indent=1) + "\n"
    write_atomic(target, [text.encode()], what="records")
    skipped = sum(isinstance(row, NotMeasured) for row in records) - sum(isinstance(row, Failed) for row in records)
    print(f"{machine}: {len(records)} records in {target}, {skipped} of them say what was skipped", *failed, sep="\n")
    return target


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.borrowed_gpu.bring_home", description=__doc__.split("\n")[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--to", type=Path, default=ROOT / "benchmarks/results", help="default: %(default)s")
    parser.add_argument("--keep", type=Path, default=ROOT / "out/brought-home", help="default: %(default)s")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        with tarfile.open(args.archive) as archive:
            archive.extractall(temporary, filter="data")
        bring(Path(temporary) / "results", args.to, args.keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
