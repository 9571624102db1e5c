"""README's tables of quality, and what stored precisions and the shipped weights are worth."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.markdown import table
from benchmarks.methods import CLOSED_FORM, ENGINE, ENGINE_CLOSED_FORM, ENGINE_INT8
from benchmarks.quality import HALF
from benchmarks.records import Quality
from benchmarks.report.wording import NARROW, SCENES, WIDE, machine_line, scored_line
from benchmarks.result_files import Results

ALPHAMATTING, DRAWN = "quality-alphamatting", "quality-scenes"  # steps
OURS = (ENGINE, ENGINE_INT8, ENGINE_CLOSED_FORM)


def first_of(results: Results) -> tuple[str, list[Quality]]:
    """The step of the photographs with their narrow trimaps, without them that of drawn scenes; and its records."""
    step = ALPHAMATTING if ALPHAMATTING in results else DRAWN
    return step, [row for row in results.of(Quality, step) if row.trimaps in (NARROW, SCENES)]


def quality(results: Results) -> str:
    """Beside speed and memory."""
    step, rows = first_of(results)
    return f"{_table(rows)}\n\n{_note(rows[0])} {machine_line(results, step)}{scored_line(rows)}"


def quality_scenes(results: Results) -> str:
    rows = results.of(Quality, DRAWN)
    return f"{_table(rows)}\n\n{_note(rows[0])} {machine_line(results, DRAWN)}{scored_line(rows)}"


def _table(rows: Sequence[Quality]) -> str:
    head = ["", "SAD", "MSE", "gradient", "connectivity", "seconds a picture", "peak memory"]
    cells = []
    for row in rows:
        if row.cost:
            name = f"**{row.title}**" if row.peer in OURS else row.title
            errors = [f"{row.sad:.2f}", f"{1e3 * row.mse:.1f}e-3", f"{row.gradient:.2f}", f"{row.connectivity:.2f}"]
            cells.append([name, *errors, f"{row.cost.seconds_per_picture:.3f}", f"{row.cost.peak_memory_mb} MB"])
    return table(head, cells)


def _note(row: Quality) -> str:
    what = {
        "alphamatting": f"alphamatting.com GT01–GT09 with {'narrow' if row.trimaps == NARROW else 'wide'} trimaps",
        "scenes": "Drawn scenes that no training run has, of each family",
    }[row.data]
    return (
        f"{what}, unknown region, n = {row.n}, {row.megapixels:.2f} megapixels on average; SAD, gradient and "
        "connectivity in thousands as the official evaluation of Composition-1k has them. Our shipped weights in all "
        "networks; seconds from the decoded picture to alpha; peak memory of a process that does nothing else."
    )


def precision(results: Results) -> str:
    rows = [
        row for row in results.of(Quality, ALPHAMATTING) if row.peer in (ENGINE, ENGINE_INT8) and row.trimaps == NARROW
    ]
    cells = []
    for row in rows:
        change = ["", ""]
        if row.change and row is not rows[0]:
            change = [f"{row.change.mean_change:.1e}", f"{row.change.max_change:.2f}"]
        plan = "" if row.plan_bytes is None else f"{row.plan_bytes / 1e6:.2f} MB"
        computes = "int8" if row.peer == ENGINE_INT8 else "fp32"
        cells.append([computes, row.precision or "", plan, f"{row.sad:.3f}", *change])
    head = ["computes", "stored weights", "plan", "SAD", "change of alpha, mean", "max"]
    what = "The shipped `lite` on alphamatting.com GT01–GT09 with narrow trimaps, unknown region"
    return f"{table(head, cells, text_columns=2)}\n\n{what}, n = {rows[0].n}, SAD in thousands."


def shipped(results: Results) -> str:
    names = {
        ENGINE: "`lite`",
        ENGINE_CLOSED_FORM: "`lite`, then closed-form matting",
        CLOSED_FORM: "closed-form matting (pymatting)",
        HALF: "alpha = 0.5 everywhere",
    }
    cells = []
    for peer, title in names.items():
        found = {
            row.trimaps: row
            for row in results.of(Quality, ALPHAMATTING)
            if row.peer == peer and row.precision in ("fp32", None)
        }
        if {NARROW, WIDE} <= found.keys():
            figures = [(f"{found[t].sad:.2f}", f"{1e3 * found[t].mse:.1f}e-3") for t in (NARROW, WIDE)]
            cells.append([title, *(cell for pair in figures for cell in pair)])
    return table(["alphamatting.com GT01–GT09", "SAD narrow", "MSE narrow", "SAD wide", "MSE wide"], cells)
