"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """The first columns hold text, the others figures, which are aligned to the right."""
    alignment = ["---"] * text_columns + ["---:"] * (len(head) - text_columns)
    lines = [_row(head), _row(alignment)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"row: expected {len(head)} cells, got {len(row)}: {list(row)}")
        lines.append(_row(row))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
