"""Scores of the shipped weights, put into the records of quality in the place of those of older weights.

    python -m benchmarks.rescore --alphamatting DIR

For all machines. What a method costs stays as it was measured, on a machine with nothing else to do; what it scores is
computed here, which any machine may do at any load, and the record says where and of which weights. What has no network
keeps its scores where the pictures are the same, which their hash tells. Needs the extras train, dev and, where the
pictures have changed, bench.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from benchmarks import quality
from benchmarks.latency.cold import Cold
from benchmarks.measure import WEIGHTS, manifest, source, write_json
from benchmarks.methods import PEERS
from benchmarks.networks import SHIPPED, Network, load_network
from benchmarks.pictures import Picture, digest
from benchmarks.provenance import Scored
from benchmarks.records import PictureScore, Quality
from benchmarks.result_files import RESULTS, machines, read_records, result_file
from benchmarks.steps import STEPS
from benchmarks.suite import arguments_of
from dim_trt.files import file_digest

progress_bar = functools.partial(tqdm, unit="method", leave=False, disable=None)


def scored_here() -> Scored:
    made = manifest()
    return Scored(versions=made.versions, machine=made.machine, source=source(besides=WEIGHTS), measured=made.measured)


def keeps(row: Quality, pictures: Sequence[Picture]) -> bool:
    """Whether neither weights nor pictures have changed what a method scores."""
    return row.precision is None and row.pictures_sha256 == digest(pictures)


def with_scores(row: Quality, new: Quality) -> Quality:
    """The record with another one's scores, and its own costs; a picture's only where it is the same."""
    timed = row.pictures if row.pictures_sha256 == new.pictures_sha256 else {}
    pictures = {
        name: PictureScore(sad=score.sad, seconds=timed[name].seconds if name in timed else None)
        for name, score in new.pictures.items()
    }
    return replace(
        new,
        title=row.title,
        threads=row.threads,
        cost=row.cost,
        pictures=pictures,
        scored=scored_here(),
        made=row.made,
    )


def rescored(args: argparse.Namespace, rows: Sequence[Quality], network: Network, folder: Path) -> list[Quality]:
    """`args`: as quality.parse gives them."""
    sets, weights = quality.picture_sets(args), file_digest(network.onnx)
    first: dict[str, Cold] = {}
    found = []
    for row in progress_bar(rows, desc=rows[0].data):
        pictures = sets[row.trimaps]
        if keeps(row, pictures):
            found.append(row)
            continue
        if row.peer in PEERS and (reason := PEERS[row.peer].why_not()):
            raise SystemExit(f"{row.title} must be scored again, as weights or pictures have changed: {reason}")
        entry = quality.Entry(row.peer, row.precision)
        cold, plan_bytes = quality.run_entry(args, entry, pictures, network, folder, once=True)
        first.setdefault(row.trimaps, cold)
        new = quality.record(args, row.trimaps, entry, cold, first[row.trimaps], pictures, plan_bytes, weights)
        found.append(with_scores(row, new))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rescore", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alphamatting", type=Path, required=True, metavar="DIR", help="as for benchmarks.quality")
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: benchmarks/results")
    args = parser.parse_args(argv)
    written = {}
    with tempfile.TemporaryDirectory() as name:
        network = load_network(SHIPPED, Path(name))
        for step in (step for step in STEPS if step.module == "quality"):
            options = quality.parse(arguments_of(step, args.alphamatting.resolve(), quick=False))
            for machine in machines(args.results):
                path = result_file(args.results, machine, step.name)
                if not path.is_file():
                    continue
                written[path] = rescored(options, read_records(path, machine), network, Path(name))
                quality.print_tables(written[path])
    for path, rows in written.items():  # all of them, or none
        write_json(path, rows)
        print(f"{path}: written")


if __name__ == "__main__":
    main()
