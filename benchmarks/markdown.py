"""Tables and paragraphs as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 120


def table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """The first columns hold text, the others figures, which are aligned to the right."""
    alignment = ["---"] * text_columns + ["---:"] * (len(head) - text_columns)
    lines = [_row(head), _row(alignment)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"row: expected {len(head)} cells, got {len(row)}: {list(row)}")
        lines.append(_row(row))
    return "\n".join(lines)


def wrapped(text: str) -> str:
    """Paragraphs in lines as the pages have them; tables stay as they are."""
    parts = [part if part.startswith("|") else _fill(part) for part in text.split("\n\n")]
    return "\n\n".join(parts)


def _fill(paragraph: str) -> str:
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
