"""What tools.wheels lets into a wheel."""

from __future__ import annotations

import pytest

from tools.wheels import NOT_IN_WHEEL


@pytest.mark.parametrize(
    "name",
    [
        "dim_trt/_testing.pyi",
        "dim_trt/_testing.cpython-312-x86_64-linux-gnu.so",
        "dim_trt/core.h",
        "dim_trt/lite.plan",
        "tests/engine/test_engine.py",
    ],
)
def test_does_not_belong_in_a_wheel(name: str) -> None:
    assert NOT_IN_WHEEL.search(name)


@pytest.mark.parametrize(
    "name",
    [
        "dim_trt/_core.pyi",
        "dim_trt/_core.cpython-312-x86_64-linux-gnu.so",
        "dim_trt/engine.py",
        "dim_trt.libs/libgomp.so.1",
        "dim_trt-0.1.0.dist-info/RECORD",
    ],
)
def test_belongs_in_a_wheel(name: str) -> None:
    assert not NOT_IN_WHEEL.search(name)
