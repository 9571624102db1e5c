"""Tests on a GPU; where there is none, or no TensorRT, each is a skip with the reason."""

from __future__ import annotations

import pytest

from tests.support.gpu import Plans, missing


@pytest.fixture(autouse=True, scope="session")
def needs_gpu() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(name="plans", scope="session")
def fixture_plans(needs_gpu: None, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    return Plans(tmp_path_factory.mktemp("plans"))
