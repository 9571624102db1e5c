"""A core that builds engines in name only, and a network to build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_graphs import tiny_dim
from tests.tensorrt.fake_core import FakeCore


@pytest.fixture(name="core")
def fixture_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeCore]:
    core = FakeCore()
    monkeypatch.setenv("DIM_TRT_CACHE", str(tmp_path / "cache"))
    with monkeypatch.context() as patched:
        core.install(patched)
        yield core


@pytest.fixture(name="source")
def fixture_source(tmp_path: Path) -> Path:
    path = tmp_path / "dim.onnx"
    path.write_bytes(tiny_dim().SerializeToString())
    return path
