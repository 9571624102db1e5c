"""docs/pictures.md says what happens; `python -m tools.picture_formats` writes its tables."""

from __future__ import annotations

import re

import cv2
import pytest

from tools.picture_formats import NOT_HELD, PAGE, READ, WRITTEN, filled, tables

needs_tried_version = pytest.mark.skipif(int(cv2.__version__.split(".")[0]) < 5, reason="the page is of OpenCV 5")


@needs_tried_version
def test_the_tables_are_what_happens() -> None:
    page = PAGE.read_text()
    assert filled(page) == page, "stale: python -m tools.picture_formats"


@needs_tried_version
def test_nothing_is_lost() -> None:
    made = tables()
    for form, _, held in READ:
        (row,) = re.findall(rf"^\| {form} \|(.*)\|$", made["read"], re.MULTILINE)
        cells = [cell.strip() for cell in row.split("|")]
        assert sum(cell != NOT_HELD for cell in cells) == len(held) + (form not in ("PFM", "HDR"))
        assert not {"lost", "ignored", "taken"} & set(cells), form
        assert cells[-1] == "refused"
    assert len(made["written"].splitlines()) == len(WRITTEN) + 2


def test_a_stale_page_is_noticed() -> None:
    page = PAGE.read_text()
    changed = page.replace("| PNG | read |", "| PNG | lost |")
    assert changed != page
    assert filled(changed) != changed
