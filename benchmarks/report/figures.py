"""The figures in sentences: a function for each, whose name stands in the marker around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from benchmarks.measure import ROOT
from benchmarks.methods import CLOSED_FORM, ENGINE, ONNXRUNTIME
from benchmarks.records import Memory, Quality
from benchmarks.report.quality import ALPHAMATTING, DRAWN
from benchmarks.report.wording import NARROW, SCENES
from benchmarks.result_files import Results
from benchmarks.steps import STEPS

CARD = ROOT / "training/MODEL_CARD.md"  # `python -m training.card` keeps its record there


class FigureError(ValueError):
    """What it is computed from is not there."""


class NotMeasuredError(ValueError):
    """The step that it comes from was left out."""


class OfPeer(Protocol):
    @property
    def peer(self) -> str: ...


P = TypeVar("P", bound=OfPeer)


def of_peer(peer: str, rows: Sequence[P], step: str) -> P:
    """The peer's first record."""
    if not rows:
        raise NotMeasuredError(step)
    for row in rows:
        if row.peer == peer:
            return row
    raise FigureError(f"there is no record of {peer}; python -m benchmarks.suite --only {step} makes it")


def scores(peer: str, results: Results, step: str, trimaps: str) -> Quality:
    """At fp32; what has no network has no precision."""
    rows = [row for row in results.of(Quality, step) if row.trimaps == trimaps and row.precision in ("fp32", None)]
    return of_peer(peer, rows, step)


def closed_form_times(results: Results) -> str:
    """How much longer than ours closed-form matting takes on the photographs."""
    costs = [scores(peer, results, ALPHAMATTING, NARROW).cost for peer in (ENGINE, CLOSED_FORM)]
    ours_s, theirs_s = (cost.seconds_per_picture for cost in costs if cost)
    return f"{theirs_s / ours_s:.0f}"


def scenes_sad(results: Results) -> str:
    return f"{scores(ENGINE, results, DRAWN, SCENES).sad:.2f}"


def scenes_sad_closed_form(results: Results) -> str:
    return f"{scores(CLOSED_FORM, results, DRAWN, SCENES).sad:.2f}"


def peak_memory_mb(peer: str, results: Results, step: str) -> str:
    return f"{of_peer(peer, results.of(Memory, step), step).peak_memory_mb}"


def lite_1080p_mb(results: Results) -> str:
    return peak_memory_mb(ENGINE, results, "memory-shipped-1080p")


def full_1080p_mb(results: Results) -> str:
    return peak_memory_mb(ENGINE, results, "memory-full-1080p")


def full_1080p_onnxruntime_mb(results: Results) -> str:
    return peak_memory_mb(ONNXRUNTIME, results, "memory-full-1080p")


def full_4k_mb(results: Results) -> str:
    return peak_memory_mb(ENGINE, results, "memory-full-4k")


def suite_minutes(_: Results) -> str:
    """As `python -m benchmarks.suite --list` has it."""
    return f"{sum(step.minutes for step in STEPS):.0f}"


def in_card(pattern: str) -> list[str]:
    found = re.findall(pattern, CARD.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise FigureError(f"{CARD.name} has nothing like {pattern!r}")
    return found


def training_hours(_: Results) -> str:
    """Of the shipped weights, what came before their last run included."""
    (row,) = in_card(r"^\| training \|(.*)\|$")
    minutes = sum(map(int, re.findall(r"(\d+) minutes", row)))
    return f"{minutes / 60:.1f}"


def million_parameters(_: Results) -> str:
    return in_card(r"^\| network \| ([\d.]+) M parameters")[0]


FIGURES: dict[str, Callable[[Results], str]] = {
    function.__name__: function
    for function in (
        closed_form_times,
        full_1080p_mb,
        full_1080p_onnxruntime_mb,
        full_4k_mb,
        lite_1080p_mb,
        million_parameters,
        scenes_sad,
        scenes_sad_closed_form,
        suite_minutes,
        training_hours,
    )
}
