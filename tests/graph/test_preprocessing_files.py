"""What a network is fed, from JSON files as editors and shells write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dim_trt.errors import InvalidInput
from dim_trt.graph.preprocessing import PRESETS, chosen_preprocessing


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_a_mark_at_the_beginning_is_no_fault(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "fed.json"
    path.write_text(json.dumps(PRESETS["raw-bgr"]), encoding=encoding)
    assert chosen_preprocessing(path) == PRESETS["raw-bgr"]


def test_what_is_no_json_is_named(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe{", b"{", b"\x80"):
        (tmp_path / "fed.json").write_bytes(content)
        with pytest.raises(InvalidInput, match=r"preprocessing: '.*fed\.json' is not JSON"):
            chosen_preprocessing(tmp_path / "fed.json")
