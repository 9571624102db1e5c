"""Engines that several test files share; a file may have a fixture of the same name of its own."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dim_trt
from tests.support.once import made_once
from tests.support.once import session_folder as folder_of_the_session
from tests.support.stand_ins import SlowCore, StandIn, engine_on_gpu, tiny_plan


def pytest_configure() -> None:
    """Workers of pytest-xdist share the cores out: threads of several on one core only wait for one another."""
    if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        number, workers = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        os.sched_setaffinity(0, cores[number % len(cores) :: workers])


def pytest_collection_finish() -> None:
    """What is imported now stays: a test that looks for garbage need not look through all of PyTorch."""
    gc.freeze()


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what is made once, for all workers of pytest-xdist (see tests/support/once.py)."""
    return folder_of_the_session(tmp_path_factory)


@pytest.fixture(scope="session")
def lite(session_folder: Path) -> Path:
    """The shipped model's plan for the CPU."""

    def make(folder: Path) -> None:
        dim_trt.build_plan("lite", folder / "lite.plan", backend="cpu")

    return made_once(session_folder, "lite", make) / "lite.plan"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_plan(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def slow(plan: Path) -> Iterator[Callable[[int], tuple[dim_trt.Engine, SlowCore]]]:
    gates: list[threading.Event] = []

    def make(max_concurrent: int) -> tuple[dim_trt.Engine, SlowCore]:
        engine, core = dim_trt.Engine(plan, max_concurrent=max_concurrent), SlowCore()
        engine._core = core  # type: ignore[assignment]
        gates.append(core.go)
        return engine, core

    yield make
    for gate in gates:
        gate.set()


@pytest.fixture
def gpu_engine(plan: Path) -> tuple[Any, StandIn]:
    return engine_on_gpu(plan)
