"""What tests and benchmarks alone call of the C++ code; a visible skip where it was not built."""

from __future__ import annotations

import pytest

_testing = pytest.importorskip("dim_trt._testing", reason="dim_trt._testing was not built; run make .venv/dev.stamp")
