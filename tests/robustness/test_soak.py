"""A short soak, and that it would notice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests import soak


@pytest.mark.measures
def test_a_thousand_runs_are_flat(plan: Path) -> None:
    soak.work(plan, soak.RUNS_PER_ENGINE, 0)
    warm, after = soak.soak(plan, 1000, say=lambda _: None)
    # PyTorch and others live in this process, too, and NumPy's cache of small blocks is not full yet.
    assert not soak.grown(warm, after, in_use_mb=3.0, resident_mb=24.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_use_mb": 11.5}, "MB in use grew from 10 to 11.5"),
        ({"resident_mb": 150.0}, "MB resident grew from 100 to 150"),
        ({"descriptors": 8}, "file descriptors grew from 7 to 8"),
        ({"threads": 4}, "threads grew from 3 to 4"),
    ],
)
def test_growth_is_noticed(change: dict[str, float], message: str) -> None:
    before = soak.Usage(10.0, 100.0, 7, 3)
    assert not soak.grown(before, before)
    assert [message in problem for problem in soak.grown(before, dataclasses.replace(before, **change))] == [True]


@pytest.mark.measures
def test_usage_sees_what_is_held() -> None:
    before = soak.usage()
    held, stream = bytearray(50 << 20), Path(__file__).open()  # noqa: SIM115
    held[:: 1 << 10] = bytes(len(held) >> 10)
    now = soak.usage()
    stream.close()
    assert now.in_use_mb > before.in_use_mb + 40
    assert now.resident_mb > before.resident_mb + 40
    assert now.descriptors == before.descriptors + 1
