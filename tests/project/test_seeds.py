"""The table of seeds is whole, and rounding decides no argmax there; `make seeds` measures all of it."""

from __future__ import annotations

import pytest

from tests.support.seeds import all_cases, read_table

CASES = all_cases()
SAMPLE = sorted(CASES)[::10]


def test_the_table_has_every_case_and_no_other() -> None:
    table = read_table()
    assert set(table) == set(CASES), "run python -m tests.support.seeds --search"
    assert all(entry["margin"] > CASES[key].min_margin for key, entry in table.items())


@pytest.mark.parametrize("key", SAMPLE)
def test_margins_hold(key: str) -> None:
    assert CASES[key].margin(int(read_table()[key]["seed"])) > CASES[key].min_margin
