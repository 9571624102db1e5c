"""Collected with --benchmark-only and not otherwise: timing is no test, and needs an idle machine.

pytest tests/speed --benchmark-only --benchmark-storage=out/benchmark --benchmark-save=before
pytest tests/speed --benchmark-only --benchmark-storage=out/benchmark --benchmark-compare
"""

from __future__ import annotations

import pytest


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """True: leave these files out; None: as pytest has it."""
    return None if config.getoption("benchmark_only", default=False) else True
