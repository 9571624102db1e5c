"""What several need at once is made once, and a failure leaves nothing that looks whole."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.once import made_once


def test_the_first_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        time.sleep(0.05)
        (folder / "file").write_text("made")

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: (made_once(tmp_path, "thing", make) / "file").read_text(), range(8)))
    assert made == ["made"] * 8
    assert len(calls) == 1


def test_what_failed_is_made_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        made_once(tmp_path, "thing", fail)
    made = made_once(tmp_path, "thing", lambda folder: None)
    assert not list(made.iterdir())
