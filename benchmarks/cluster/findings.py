"""What became of a fault, read off the results, the manifest and the diary of `rules`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cluster.rules import read_diary


@dataclass(frozen=True)
class Finding:
    """What became of a fault.

    lost: pictures without a result, or without a row.
    twice: rows beyond one of each picture.
    again: pictures that were begun once more, beside the one that kills.
    seconds: until what the dead worker was at was done by another; or from the next start to its first result.
    failed: pictures with an error for a row.
    message: of the run that ended, where it ended.
    """

    what: str
    pictures: int
    lost: int
    twice: int
    again: int
    seconds: float
    failed: Mapping[str, str]
    message: str = ""

    def row(self) -> list[str]:
        said = re.sub(r" '.*': ", ": ", self.message) or "; ".join(
            f"a row: {error.split(':')[0]} …" for error in self.failed.values()
        )
        return [self.what, *map(str, (self.pictures, self.lost, self.twice, self.again)), f"{self.seconds:.1f} s", said]


def written(root: Path) -> dict[str, float]:
    """When each result was, in seconds since 1970."""
    return {path.name: path.stat().st_mtime for path in (root / "out").glob("*.png")}


def resumed(root: Path, worker: int, when: float, beside: str = "") -> float:
    """Seconds until what a worker that died at `when` had begun, and not ended, was done."""
    done = written(root)
    begun = {entry.name for entry in read_diary(root / "diary") if entry.worker == worker} - {beside}
    return max((done[name] - when for name in begun if done[name] > when), default=0.0)


def finding_of(
    what: str, root: Path, seconds: float, again: int | None = None, *, beside: str = "", message: str = ""
) -> Finding:
    rows = pq.read_table(root / "out" / "manifest.parquet").to_pylist()
    wanted, named = {path.name for path in (root / "in").iterdir()}, Counter(row["name"] for row in rows)
    failed = {row["name"]: row["error"] for row in rows if row["error"]}
    lost = wanted - (set(written(root)) | set(failed)) | (wanted - set(named))
    if again is None:
        begun = Counter(entry.name for entry in read_diary(root / "diary"))
        again = sum(count > 1 for name, count in begun.items() if name != beside)
    twice = sum(named.values()) - len(named)
    return Finding(what, len(wanted), len(lost), twice, again, seconds, failed, message)
