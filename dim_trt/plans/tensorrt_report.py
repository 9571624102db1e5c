"""Which layer computes in which precision and why, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_graphsurgeon as gs

from dim_trt.graph.overflow import LIMIT
from dim_trt.graph.quantize import is_first_or_last
from dim_trt.plans.int8 import Int8Choice

COLUMNS = ("layer", "precision", "mean change", "largest change", "why")


def layer_table(graph: gs.Graph, precision: str, kept: Mapping[str, float], int8: Int8Choice | None) -> str:
    """Of the convolutions of the standard fp32 graph, in its order."""
    changes = {entry["layer"]: entry for entry in int8.sensitivity} if int8 else {}
    rows = [COLUMNS]
    for node in (node for node in graph.nodes if node.op == "Conv"):
        chosen, why = _choice(graph, node, precision, kept, int8)
        change = changes.get(node.name)
        measured = [f"{change[which]:.2g}" if change else "-" for which in ("mean_change", "max_change")]
        rows.append((node.name, chosen, measured[0], measured[1], why))
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([_heading(precision, int8), "", *lines, ""])


def _choice(
    graph: gs.Graph, node: gs.Node, precision: str, kept: Mapping[str, float], int8: Int8Choice | None
) -> tuple[str, str]:
    if node.name in kept:
        return "fp32", f"a feature map reaches {kept[node.name]:.0f}, beyond {LIMIT:.0f}, half of what float16 holds"
    if int8 is None:
        return precision, "as asked for"
    if is_first_or_last(graph, node):
        return "fp16", "first or last, where a rounding error shows most"
    if node.name in int8.excluded:
        return "fp16", f"with it int8 would change alpha by more than {int8.threshold:g} on average"
    return "int8", "as asked for"


def _heading(precision: str, int8: Int8Choice | None) -> str:
    if int8 is None:
        return f"Precision {precision}."
    changes = ", ".join(f"{method} {change:.2g}" for method, change in int8.changes.items())
    return (
        f"Precision int8, calibrated by {int8.method}. With all layers in int8 alpha changes on the unknown pixels of "
        f"the calibration pictures, on average, by: {changes}; allowed are {int8.threshold:g}. The changes below are "
        "those of one layer alone in int8."
    )
