"""Hypothesis: few examples, always the same, in the test suite; DIM_TRT_EXAMPLES=10000 tries as many others."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("DIM_TRT_EXAMPLES", "0"))
settings.register_profile(
    "dim_trt",
    max_examples=EXAMPLES or 100,
    derandomize=EXAMPLES == 0,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("dim_trt")
