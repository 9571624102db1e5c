"""What the report's tables share: names of models and packages, milliseconds, where something was measured."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.methods import ENGINE, PEERS
from benchmarks.provenance import Manifest, Scored
from benchmarks.records import Quality
from benchmarks.result_files import Results

MODELS = {"full": "full", "lite": "lite, random weights", "shipped": "lite, shipped"}
PACKAGES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pymatting": "pymatting"}
NARROW, WIDE, SCENES = "trimap1", "trimap2", "scenes"  # sets of trimaps


def machine_line(results: Results, *steps: str) -> str:
    """Where, with what and when these steps were measured; several sentences if they differ."""
    by_place: dict[tuple[str, str, str], set[tuple[int, str]]] = {}  # its packages, numbered
    for row in (row for step, rows in results.steps.items() if step in steps for row in rows):
        made: Manifest = row.made
        place = (_machine(made), made.measured, f"dim_trt {made.versions['dim_trt']}{_commit(made)}")
        packages = by_place.setdefault(place, set())
        package = PEERS[peer].package if (peer := getattr(row, "peer", None)) in PEERS else ENGINE
        if package in PACKAGES:
            version = made.versions[package].split("+")[0].split("-")[0]
            packages.add((list(PACKAGES).index(package), f"{PACKAGES[package]} {version}"))
    return " ".join(
        f"{where}; {', '.join([ours, *(name for _, name in sorted(used))])}; {date}."
        for (where, date, ours), used in by_place.items()
    )


def scored_line(rows: Sequence[Quality]) -> str:
    """Where scores are of another day than costs, by a space before; empty where none are."""
    found = {
        f" Scores: {_machine(it)}; dim_trt {it.versions['dim_trt']}{_commit(it)}; {it.measured}."
        for it in (row.scored for row in rows)
        if it
    }
    return "".join(sorted(found))


def _machine(made: Manifest | Scored) -> str:
    return f"{made.machine.processor}, {made.machine.cores} cores, {made.machine.isa}"


def _commit(made: Manifest | Scored) -> str:
    return f" ({made.source.commit}{' with changes' if made.source.modified else ''})" if made.source else ""


def milliseconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms"


def sides(height: int, width: int) -> str:
    return f"{width}×{height}"
